//! `headroom master` as a user runs it: what lies in the directory afterwards, and what is said.

use std::path::{Path, PathBuf};
use std::process::Output;

use headroom_e2e::measure::song::{Mix, song};
use headroom_e2e::measure::{Sound, read, write};
use headroom_e2e::{Headroom, here, in_path};
use serde_json::Value;

const SECONDS: f64 = 10.0;

fn put(path: &Path, mix: Mix, rate: u32, dbfs: f64) -> PathBuf {
    write(path, &Sound { rate, channels: song(mix, f64::from(rate), SECONDS, dbfs) }).expect("a song");
    path.to_owned()
}

fn run(command: &str, files: &[&Path], more: &[&str]) -> Output {
    Headroom::command(&[command]).args(files).args(more).output().expect("headroom runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Masters `files` and gives the report.
fn master(files: &[&Path], out: &Path, more: &[&str]) -> Value {
    let out = out.display().to_string();
    let done = run("master", files, &[&["--json", "--out", &out], more].concat());
    assert!(done.status.success(), "{}", said(&done));
    serde_json::from_slice(&done.stdout).expect("JSON")
}

/// What `analyze` reads of a file.
fn analyzed(file: &Path) -> Value {
    let done = run("analyze", &[file], &["--json"]);
    assert!(done.status.success(), "{}", said(&done));
    serde_json::from_slice::<Value>(&done.stdout).expect("JSON")[0].take()
}

fn reading(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or_else(|| panic!("no {name} in {report}"))
}

/// Integrated loudness and true peak by ffmpeg's meter, where it is installed.
fn by_ffmpeg(file: &Path) -> Option<(f64, f64)> {
    if !here("ffmpeg", in_path("ffmpeg")) {
        return None;
    }
    let file = file.display().to_string();
    let filter = "ebur128=peak=true";
    let done = std::process::Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-i", &file, "-filter_complex", filter, "-f", "null", "-"])
        .output()
        .expect("ffmpeg runs");
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    let summary = text.rsplit("Summary:").next().unwrap_or_else(|| panic!("no summary: {text}")).to_string();
    let number = |name: &str| {
        let words = summary.split(name).nth(1).and_then(|rest| rest.split_whitespace().next());
        words.and_then(|w| w.parse().ok()).unwrap_or_else(|| panic!("no {name} in {summary}"))
    };
    Some((number("I:"), number("Peak:")))
}

#[test]
fn a_song_gets_the_loudness_of_its_target_and_stays_under_the_ceiling() {
    let dir = tempfile::tempdir().expect("a directory");
    for (mix, dbfs) in [(Mix::Dense, -0.5), (Mix::Dynamic, -12.0)] {
        let song = put(&dir.path().join("song.wav"), mix, 48_000, dbfs);
        for (target, loudness, ceiling) in [("spotify", -14.0, -1.0), ("apple", -16.0, -1.0)] {
            let out = dir.path().join(target);
            let told = master(&[&song], &out, &["--target", target]);
            let file = out.join("song.wav");
            let report = analyzed(&file);
            assert!((reading(&report, "integrated") - loudness).abs() <= 0.1, "{mix:?} {target}: {report}");
            assert!(reading(&report, "truepeak") <= ceiling, "{mix:?} {target}: {report}");
            assert_eq!(told["songs"][0]["after"]["integrated"], report["integrated"], "what is told is what is in the file");
            assert_eq!((reading(&report, "rate"), reading(&report, "seconds")), (48_000.0, SECONDS));
            if let Some((integrated, peak)) = by_ffmpeg(&file) {
                // ffmpeg prints tenths.
                assert!((integrated - loudness).abs() <= 0.15 && peak <= ceiling + 0.05, "{integrated} LUFS, {peak} dBTP");
            }
            let again = dir.path().join("again");
            master(&[&song], &again, &["--target", target]);
            let bytes = |path: PathBuf| std::fs::read(path).expect("a master");
            assert!(bytes(file) == bytes(again.join("song.wav")), "two runs differ");
            let there = std::fs::read_dir(&out).expect("a directory").count();
            assert_eq!(there, 1, "nothing is left beside it");
        }
    }
}

#[test]
fn an_album_keeps_its_balance_and_names_the_song_that_stands_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let loud = put(&dir.path().join("loud.wav"), Mix::Dense, 48_000, -10.0);
    let quiet = put(&dir.path().join("quiet.wav"), Mix::Dense, 48_000, -15.0);
    let other = dir.path().join("other.wav");
    let whistle = (0..480_000).map(|n| 0.05 * (std::f64::consts::TAU * 4000.0 * f64::from(n) / 48_000.0).sin()).collect();
    write(&other, &Sound { rate: 48_000, channels: vec![whistle] }).expect("a file");
    let out = dir.path().join("album");
    let told = master(&[&loud, &quiet, &other], &out, &["--target", "apple"]);
    assert!((reading(&told, "integrated_after") + 16.0).abs() <= 0.1, "{told}");
    let change = |name: &str| {
        let (before, after) = (analyzed(&dir.path().join(name)), analyzed(&out.join(name)));
        reading(&after, "integrated") - reading(&before, "integrated")
    };
    for name in ["loud.wav", "quiet.wav"] {
        assert!((change(name) - reading(&told, "gain")).abs() < 0.05, "{name}");
    }
    let notes = |n: usize| told["songs"][n]["notes"].to_string();
    assert!(notes(2).contains("4000 Hz +"), "{}", notes(2));
    assert_eq!(reading(&analyzed(&out.join("other.wav")), "channels"), 1.0, "mono stays mono");
}

#[test]
fn a_cd_has_its_rate_and_word_and_flac_the_same_loudness() {
    let dir = tempfile::tempdir().expect("a directory");
    let song = put(&dir.path().join("song.wav"), Mix::Dynamic, 48_000, -6.0);
    let out = dir.path().join("cd");
    let told = master(&[&song], &out, &["--target", "cd"]);
    let sound = read(&out.join("song.wav")).expect("a master");
    assert_eq!(sound.rate, 44_100);
    assert!(sound.channels.iter().flatten().all(|x| (x * 32_768.0).fract() == 0.0), "16 bit");
    assert_eq!(std::fs::metadata(out.join("song.wav")).expect("a file").len() % 4, 0);
    let report = analyzed(&out.join("song.wav"));
    assert!(reading(&report, "integrated") <= -9.0 && reading(&report, "truepeak") <= -0.3, "{report}");
    assert!(reading(&told["songs"][0], "reduction") < 7.0, "a quiet song is not crushed: {told}");

    let flac = master(&[&song], &out, &["--target", "cd", "--format", "flac"]);
    assert_eq!(flac["songs"][0]["after"]["integrated"], told["songs"][0]["after"]["integrated"]);
    let bytes = std::fs::read(out.join("song.flac")).expect("a master");
    assert!(bytes.starts_with(b"fLaC") && bytes.len() < 44_100 * 4 * SECONDS as usize);
    if here("flac", in_path("flac")) {
        let test = std::process::Command::new("flac").args(["-t", "-s"]).arg(out.join("song.flac")).status();
        assert!(test.expect("flac runs").success());
    }
}

#[test]
fn vinyl_is_mono_below_150_hz_and_at_most_its_loudness() {
    let dir = tempfile::tempdir().expect("a directory");
    let song = dir.path().join("song.wav");
    // Bass on the left alone, and a tone above on both.
    let tone = |hz: f64, n: u32| 0.3 * (std::f64::consts::TAU * hz * f64::from(n) / 48_000.0).sin();
    let left = (0..480_000).map(|n| tone(60.0, n) + tone(1000.0, n)).collect();
    let right = (0..480_000).map(|n| tone(1000.0, n)).collect();
    write(&song, &Sound { rate: 48_000, channels: vec![left, right] }).expect("a song");
    let out = dir.path().join("vinyl");
    let told = master(&[&song], &out, &["--target", "vinyl"]);
    let sound = read(&out.join("song.wav")).expect("a master");
    let report = analyzed(&out.join("song.wav"));
    assert!(reading(&report, "integrated") <= -14.0 && reading(&report, "truepeak") <= -3.0, "{report}");
    if told["notes"].to_string().contains("no processor `width`") {
        eprintln!("this build has no processor `width`: mono below 150 Hz is not tested");
        return;
    }
    // The second half, by the 60 Hz that is left in the side signal.
    let side: Vec<f64> = sound.channels[0].iter().zip(&sound.channels[1]).map(|(l, r)| (l - r) / 2.0).skip(240_000).collect();
    let whole = sound.channels[0].iter().skip(240_000).fold(0.0, |p: f64, x| p.max(x.abs()));
    assert!(side.iter().all(|x| x.abs() < 0.01 * whole), "side signal below 150 Hz");
}

#[test]
fn songs_can_go_through_the_main_strip_of_a_rig_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let song = put(&dir.path().join("song.wav"), Mix::Dense, 48_000, -6.0);
    let rig = dir.path().join("rig.toml");
    let text = "[main]\nfader = -20\nchain = [\"eq\", \"glue\", \"limiter\"]\n\
                eq.1 = { type = \"lowshelf\", freq = 200, gain = -12 }\nglue = { on = true, threshold = -20 }\n";
    std::fs::write(&rig, text).expect("a rig");
    let (plain, shaped) = (dir.path().join("plain"), dir.path().join("shaped"));
    master(&[&song], &plain, &["--target", "ebu-r128"]);
    master(&[&song], &shaped, &["--target", "ebu-r128", "--rig", &rig.display().to_string()]);
    let reports = [plain, shaped].map(|dir| analyzed(&dir.join("song.wav")));
    for report in &reports {
        assert!((reading(report, "integrated") + 23.0).abs() <= 0.1, "{report}");
    }
    let bass = |report: &Value| reading(&report["bands"], "63");
    assert!(bass(&reports[1]) < bass(&reports[0]) - 5.0, "the rig's EQ is heard");
}

#[test]
fn what_cannot_be_mastered_is_said_and_nothing_is_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let song = put(&dir.path().join("song.wav"), Mix::Dense, 48_000, -6.0);
    let file = |name: &str, channels: Vec<Vec<f64>>| {
        let path = dir.path().join(name);
        write(&path, &Sound { rate: 48_000, channels }).expect("a file");
        path
    };
    let silent = file("silent.wav", vec![vec![0.0; 96_000]; 2]);
    let short = file("short.wav", vec![vec![0.5; 4_800]; 2]);
    let wide = file("wide.wav", vec![vec![0.1; 48_000]; 3]);
    let clicks = file("clicks.wav", vec![(0..240_000).map(|n| if n % 24_000 == 0 { 0.9 } else { 0.0 }).collect(); 2]);
    let fake = dir.path().join("fake.wav");
    std::fs::write(&fake, b"fLaC, says its name").expect("a file");
    let sub = dir.path().join("sub");
    std::fs::create_dir(&sub).expect("a directory");
    let twin = sub.join("song.wav");
    std::fs::copy(&song, &twin).expect("a copy");
    let (here, out) = (dir.path().display().to_string(), dir.path().join("out"));
    let to = out.display().to_string();
    let spotify = ["--target", "spotify", "--out"];
    let cases: &[(&[&Path], &[&str], &str)] = &[
        (&[&silent], &[&spotify[..], &[&to]].concat(), "is silent"),
        (&[&short], &[&spotify[..], &[&to]].concat(), "0.10 s long"),
        (&[&wide], &[&spotify[..], &[&to]].concat(), "mono and stereo"),
        (&[&clicks], &[&spotify[..], &[&to]].concat(), "cannot reach"),
        (&[&fake], &[&spotify[..], &[&to]].concat(), "is FLAC"),
        (&[&song, &twin], &[&spotify[..], &[&to]].concat(), "two songs"),
        (&[&song], &[&spotify[..], &[&here]].concat(), "is one of the songs"),
        (&[&song], &["--target", "custom", "--out", &to], "--loudness"),
        (&[&song], &["--target", "custom", "--loudness", "3", "--ceiling", "-1", "--out", &to], "-60 … -3"),
        (&[&song], &["--target", "tape", "--out", &to], "possible values"),
        (&[&song], &["--target", "cd", "--format", "flac", "--bits", "32f", "--out", &to], "FLAC holds integers"),
    ];
    for (files, more, word) in cases {
        let done = run("master", files, more);
        assert_eq!(done.status.code(), Some(2), "{more:?}: {}", said(&done));
        assert!(said(&done).contains(word), "{more:?}: {}", said(&done));
        let left = std::fs::read_dir(&out).map_or(0, |entries| entries.count());
        assert_eq!(left, 0, "{more:?} left a file");
    }
    // A link to a song does not hide it.
    std::fs::create_dir_all(&out).expect("a directory");
    std::fs::hard_link(&song, out.join("song.wav")).expect("a link");
    let before = std::fs::read(&song).expect("the song");
    let done = run("master", &[&song], &[&spotify[..], &[&to]].concat());
    assert!(done.status.code() == Some(2) && said(&done).contains("one of the songs"), "{}", said(&done));
    assert!(std::fs::read(&song).expect("the song") == before);
}

#[test]
fn render_writes_flac_where_the_name_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let song = put(&dir.path().join("song.wav"), Mix::Dense, 48_000, -6.0);
    let rig = dir.path().join("rig.toml");
    std::fs::write(&rig, "[[channel]]\nname = \"c\"\nstereo = true\nchain = []\n[main]\nchain = []\n").expect("a rig");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let render = |out: &str, more: &[&str]| {
        let (input, output) = (format!("c={}", song.display()), format!("main={}", path(out)));
        run("render", &[&rig], &[&["--in", &input, "--out", &output], more].concat())
    };
    let done = render("mix.flac", &[]);
    assert!(done.status.success(), "{}", said(&done));
    let bytes = std::fs::read(path("mix.flac")).expect("a file");
    assert!(bytes.starts_with(b"fLaC"));
    let done = render("mix.flac", &["--bits", "32f"]);
    assert!(done.status.code() == Some(2) && said(&done).contains("FLAC holds integers"), "{}", said(&done));
}
