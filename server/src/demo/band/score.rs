//! The song: tempo, form, chords, and what each player has on the stand.
//!
//! Sixteen bars of 4/4 in G at 120 BPM, where the console's default echo times (375 and 500 ms) are
//! a dotted eighth and a quarter. Bars count from 0: 0–7 are the verse, 7 ends in a fill, 8–15 are
//! the chorus, and 15 leads back to 0.
//!
//! Percussion is written as a grid of sixteenths, a digit a stroke, 9 the loudest.

/// Beats a minute.
pub const BPM: f64 = 120.0;
/// Bars in the loop.
pub const BARS: usize = 16;
/// Beats in the loop.
pub const BEATS: f64 = BARS as f64 * 4.0;
/// The first bar of the chorus.
pub const CHORUS: usize = 8;

/// Seconds that `beats` last.
pub fn seconds(beats: f64) -> f64 {
    beats * 60.0 / BPM
}

/// A chord as each player takes it; all notes are MIDI numbers.
#[derive(Debug)]
pub struct Chord {
    /// The bass player's note.
    pub root: u8,
    /// The next note above it that the bass player walks through.
    pub fifth: u8,
    /// The six strings of the guitar from low to high; 0 is not played.
    pub strings: [u8; 6],
    /// The pianist's right hand.
    pub keys: [u8; 4],
    /// The choir, from low to high.
    pub choir: [u8; 4],
}

const fn chord(root: u8, fifth: u8, strings: [u8; 6], keys: [u8; 4], choir: [u8; 4]) -> Chord {
    Chord { root, fifth, strings, keys, choir }
}

static EM7: Chord = chord(28, 35, [40, 47, 52, 55, 62, 67], [55, 59, 62, 66], [52, 59, 64, 67]);
static CMAJ7: Chord = chord(36, 31, [0, 48, 52, 55, 59, 64], [52, 55, 59, 62], [52, 60, 64, 67]);
static CADD9: Chord = chord(36, 31, [0, 48, 52, 55, 62, 67], [55, 60, 62, 64], [55, 60, 64, 67]);
static G: Chord = chord(31, 38, [43, 47, 50, 55, 62, 67], [55, 59, 62, 67], [55, 59, 62, 67]);
static D_FIS: Chord = chord(30, 33, [42, 45, 50, 57, 62, 66], [54, 57, 62, 64], [54, 57, 62, 66]);
static D: Chord = chord(38, 33, [0, 0, 50, 57, 62, 66], [54, 57, 62, 66], [54, 57, 62, 69]);
static DSUS4: Chord = chord(38, 33, [0, 0, 50, 57, 62, 67], [55, 57, 62, 67], [55, 57, 62, 67]);
static AM7: Chord = chord(33, 40, [0, 45, 52, 55, 60, 64], [55, 60, 64, 71], [57, 60, 64, 67]);

/// The chord of each half bar.
#[rustfmt::skip]
static CHANGES: [&Chord; 2 * BARS] = [
    &EM7, &EM7,  &CMAJ7, &CMAJ7,  &G, &G,      &D_FIS, &D_FIS,
    &EM7, &EM7,  &CMAJ7, &CMAJ7,  &AM7, &AM7,  &DSUS4, &D,
    &G, &G,      &D, &D,          &EM7, &EM7,  &CADD9, &CADD9,
    &G, &G,      &D_FIS, &D_FIS,  &AM7, &AM7,  &CADD9, &D,
];

/// The chord that sounds at `beat`, counted round the loop.
pub fn chord_at(beat: f64) -> &'static Chord {
    CHANGES[(beat.rem_euclid(BEATS) / 2.0) as usize]
}

/// One bar of drums. Where a grid is empty the piece rests.
#[derive(Debug)]
pub struct Beat {
    /// Bass drum.
    pub kick: &'static str,
    /// Snare; 1 to 3 are ghost notes.
    pub snare: &'static str,
    /// Closed hats.
    pub hat: &'static str,
    /// Open hats, which ring until the next stroke on the hats.
    pub open: &'static str,
    /// High, middle and floor tom.
    pub toms: [&'static str; 3],
    /// Ride cymbal.
    pub ride: &'static str,
    /// Crash cymbal.
    pub crash: &'static str,
}

const VERSE_A: Beat = Beat {
    kick: "9......5..8.....",
    snare: "....9..2.1..9..1",
    hat: "8.5.7.5.8.5.7.53",
    open: "",
    toms: [""; 3],
    ride: "",
    crash: "",
};
const VERSE_B: Beat =
    Beat { kick: "9.....6.8.....4.", snare: "....9..1.2..9.2.", hat: "8.5.7.538.5.7...", open: "..............7.", ..VERSE_A };
const CHORUS_A: Beat = Beat {
    kick: "9..5..8.9..5....",
    snare: "....9..2....9..2",
    hat: "6...6...6...6.5.",
    open: "..7...7...7.....",
    toms: [""; 3],
    ride: "8.6.8.6.8.6.8.6.",
    crash: "",
};
const CHORUS_B: Beat =
    Beat { kick: "9..5..8...8.5...", snare: "....9..2.1..9.32", hat: "6...6...6.5.6...", open: "..7...7.......8.", ..CHORUS_A };

/// The sixteen bars of drums.
#[rustfmt::skip]
pub static DRUMS: [Beat; BARS] = [
    Beat { crash: "7...............", ..VERSE_A }, VERSE_B, VERSE_A, VERSE_B,
    VERSE_A, VERSE_B, VERSE_A,
    Beat {
        kick:  "9.......8...8...",
        snare: "....9..2689.....",
        hat:   "8.5.7.5.........",
        toms: ["..........98....",
               "............97..",
               "..............99"],
        ..VERSE_A
    },
    Beat { crash: "9...............", ..CHORUS_A }, CHORUS_B, CHORUS_A, CHORUS_B,
    Beat { crash: "7...............", ..CHORUS_A }, CHORUS_B, CHORUS_A,
    Beat {
        kick:  "9..5..8.8.....8.",
        snare: "....9..2....7.8.",
        hat:   "6...6...........",
        open:  "..7.............",
        toms: ["........8.9.....",
               "...........8.9..",
               "...............8"],
        ride:  "8.6.8.6.........",
        crash: "",
    },
];

/// The strokes of a grid: sixteenth within the bar, and velocity 0.1 … 1.
pub fn strokes(grid: &'static str) -> impl Iterator<Item = (usize, f64)> {
    grid.bytes()
        .enumerate()
        .filter(|(_, stroke)| stroke.is_ascii_digit())
        .map(|(step, stroke)| (step, f64::from(stroke - b'0') / 9.0))
}

/// A syllable of the lead: where its vowel starts, how long it is held (beats), its note, and its
/// sounds, one letter each as `voice::phone` lists them. `-` carries the vowel on to a new note.
pub type Syllable = (f64, f64, u8, &'static str);

/// The lead's part.
#[rustfmt::skip]
pub static LEAD: [Syllable; 54] = [
    // Leave a little room to breathe
    (0.5, 0.5, 59, "liv"), (1.0, 0.5, 59, "V"), (1.5, 0.5, 62, "lI"), (2.0, 0.5, 59, "tVl"),
    (2.5, 1.0, 64, "rum"), (3.5, 0.5, 62, "tu"), (4.0, 2.2, 59, "briD"),
    // Let the quiet moments in
    (8.5, 0.5, 59, "let"), (9.0, 0.5, 59, "DV"), (9.5, 0.5, 62, "kwa"), (10.0, 0.5, 59, "yIt"),
    (10.5, 1.0, 64, "mou"), (11.5, 0.5, 62, "mVn"), (12.0, 2.2, 57, "In"),
    // Every note will find its way
    (16.5, 0.5, 59, "ev"), (17.0, 0.5, 59, "ri"), (17.5, 0.5, 62, "nout"), (18.0, 0.5, 64, "wIl"),
    (18.5, 1.0, 67, "faInd"), (19.5, 0.5, 64, "Its"), (20.0, 0.75, 64, "we"), (20.75, 1.5, 62, "-I"),
    // Now the song begins to rise
    (24.5, 0.5, 64, "naU"), (25.0, 0.5, 62, "DV"), (25.5, 0.5, 64, "soN"), (26.0, 0.5, 62, "bI"),
    (26.5, 1.0, 60, "gInz"), (27.5, 0.5, 57, "tu"),
    (28.0, 1.0, 62, "ra"), (29.0, 1.0, 64, "-"), (30.0, 0.7, 66, "-Iz"),
    // Give me headroom, headroom
    (31.0, 0.5, 62, "gIv"), (31.5, 0.5, 62, "mi"),
    (32.0, 0.75, 71, "hed"), (32.75, 1.9, 67, "rum"), (36.0, 0.75, 69, "hed"), (36.75, 1.9, 66, "rum"),
    // All the space I need
    (40.5, 0.5, 67, "ol"), (41.0, 0.5, 66, "DV"), (41.5, 1.0, 64, "speIs"),
    (42.5, 1.0, 66, "aI"), (43.5, 2.3, 67, "nid"),
    // Give me headroom, headroom
    (47.0, 0.5, 62, "gIv"), (47.5, 0.5, 62, "mi"),
    (48.0, 0.75, 71, "hed"), (48.75, 1.9, 67, "rum"), (52.0, 0.75, 74, "hed"), (52.75, 1.9, 69, "rum"),
    // Let the music breathe
    (56.5, 0.5, 72, "let"), (57.0, 0.5, 71, "DV"), (57.5, 1.0, 69, "myu"), (58.5, 1.0, 67, "zIk"),
    (59.5, 2.4, 67, "bri"), (61.9, 1.4, 66, "-D"),
];
