//! Files as they come: every format there and back, headers of all ages, damage.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use proptest::prelude::*;

use super::testing::{Scratch, noise, spread, tone};
use super::*;

const ALL_BITS: [Bits; 4] = [Bits::Int16, Bits::Int24, Bits::Float32, Bits::Float64];

fn all_of(path: &Path) -> (Reader, Vec<f64>) {
    let mut reader = Reader::open(path).unwrap();
    let samples = drain(&mut reader);
    (reader, samples)
}

fn drain(reader: &mut Reader) -> Vec<f64> {
    let mut samples = Vec::new();
    let mut block = vec![0.0; 1_000 * reader.spec().channels];
    loop {
        let frames = reader.read_f64(&mut block).unwrap();
        if frames == 0 {
            return samples;
        }
        samples.extend(&block[..frames * reader.spec().channels]);
    }
}

fn reader_of(bytes: Vec<u8>) -> Result<Reader, FileError> {
    let len = bytes.len() as u64;
    Reader::from_source("test.wav", Box::new(Cursor::new(bytes)), Some(len))
}

fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = id.to_vec();
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
    out
}

fn fmt_body(tag: u16, channels: u16, rate: u32, frame_bytes: u16, bits: u16) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(tag.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend((rate * u32::from(frame_bytes)).to_le_bytes());
    out.extend(frame_bytes.to_le_bytes());
    out.extend(bits.to_le_bytes());
    out
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    let mut out = b"RIFF".to_vec();
    out.extend((body.len() as u32 + 4).to_le_bytes());
    out.extend(b"WAVE");
    out.extend(body);
    out
}

fn plain(tag: u16, bits: u16, data: &[u8]) -> Vec<u8> {
    riff(&[chunk(b"fmt ", &fmt_body(tag, 1, 48_000, bits / 8, bits)), chunk(b"data", data)])
}

#[test]
fn every_format_comes_back_as_it_went() {
    let scratch = Scratch::new();
    for bits in ALL_BITS {
        for channels in [1, 2, 3, 6, 64] {
            let path = scratch.path("a.wav");
            let samples: Vec<f64> = noise(channels as u64, 4_801 * channels).iter().map(|x| 0.99 * x).collect();
            let format = Format { dither: Shape::Off, ..Format::new(44_100, channels, bits) };
            let mut writer = Writer::create(&path, &format).unwrap();
            for block in samples.chunks(777) {
                writer.write_f64(block).unwrap();
            }
            assert_eq!(writer.finish().unwrap(), Written { frames: 4_801, clipped: 0, non_finite: 0 });
            let (reader, back) = all_of(&path);
            let spec = reader.spec();
            assert_eq!((spec.rate, spec.channels, spec.frames), (44_100, channels, 4_801));
            assert_eq!((spec.encoding, spec.mask), (bits.encoding(), None));
            let step = match bits {
                Bits::Int16 => 0.5001 / 32_768.0,
                Bits::Int24 => 0.5001 / 8_388_608.0,
                Bits::Float32 => 6e-8,
                Bits::Float64 => 0.0,
            };
            assert!(back.iter().zip(&samples).all(|(a, b)| (a - b).abs() <= step), "{bits:?}");
            assert_eq!((back.len(), reader.missing_frames()), (samples.len(), 0));
            assert_eq!(fs::metadata(&path).unwrap().len() % 2, 0, "chunks are padded");
        }
    }
}

#[test]
fn speaker_positions_are_kept() {
    let scratch = Scratch::new();
    let path = scratch.path("surround.wav");
    let format = Format { mask: Some(0x60F), ..Format::new(48_000, 6, Bits::Int24) };
    Writer::create(&path, &format).unwrap().finish().unwrap();
    let (reader, samples) = all_of(&path);
    assert_eq!((reader.spec().mask, samples.len()), (Some(0x60F), 0));
}

#[test]
fn float_keeps_what_is_over_full_scale_and_integers_count_it() {
    let scratch = Scratch::new();
    let loud = [0.0, 1.0, 1.5, -2.0, -1.0, f64::NAN, f64::INFINITY];
    for bits in ALL_BITS {
        let path = scratch.path("a.wav");
        let format = Format { dither: Shape::Off, ..Format::new(48_000, 1, bits) };
        let mut writer = Writer::create(&path, &format).unwrap();
        writer.write_f64(&loud).unwrap();
        let written = writer.finish().unwrap();
        assert_eq!(written.non_finite, 2);
        let (_, back) = all_of(&path);
        if bits.word().is_some() {
            assert_eq!(written.clipped, 2);
            assert!(back.iter().all(|x| x.abs() <= 1.0));
        } else {
            assert_eq!(written.clipped, 0);
            assert_eq!(back, [0.0, 1.0, 1.5, -2.0, -1.0, 0.0, 0.0]);
        }
    }
}

#[test]
fn single_precision_holds_no_denormals() {
    let scratch = Scratch::new();
    let path = scratch.path("a.wav");
    let mut writer = Writer::create(&path, &Format::new(48_000, 1, Bits::Float32)).unwrap();
    writer.write_f64(&[1e-37, 9e-39, -9e-39]).unwrap();
    writer.finish().unwrap();
    let (_, back) = all_of(&path);
    assert_eq!(back, [f64::from(1e-37f32), 0.0, -0.0]);
    assert!(back[2].is_sign_negative());
}

#[test]
fn the_same_samples_make_the_same_bytes() {
    let scratch = Scratch::new();
    let samples = noise(9, 10_000);
    let bytes = |name: &str, seed| {
        let path = scratch.path(name);
        let mut writer = Writer::create(&path, &Format { seed, ..Format::new(48_000, 2, Bits::Int16) }).unwrap();
        writer.write_f64(&samples).unwrap();
        writer.finish().unwrap();
        fs::read(path).unwrap()
    };
    assert_eq!(bytes("a.wav", 1), bytes("b.wav", 1));
    assert_ne!(bytes("a.wav", 1), bytes("b.wav", 2));
}

#[test]
fn a_writer_that_is_killed_leaves_whole_frames_behind_a_right_header() {
    let scratch = Scratch::new();
    for bits in ALL_BITS {
        let path = scratch.path("a.wav");
        let mut writer = Writer::create(&path, &Format::new(48_000, 3, bits)).unwrap();
        // At any time what is on disk is a file: right after the start …
        let (reader, samples) = all_of(&path);
        assert_eq!((reader.missing_frames(), samples.len()), (0, 0));
        // … and after more than one buffer, with a torn frame at the end.
        writer.write_f64(&vec![0.5; 3 * 200_000 + 1]).unwrap();
        let (reader, samples) = all_of(&path);
        assert_eq!(reader.missing_frames(), 0);
        let held = 3 * 200_000 - samples.len();
        assert!(held * bits.encoding().bytes() <= 256 * 1024 + 24, "{held} samples are missing");
        assert!(samples.iter().all(|x| (x - 0.5).abs() < 1e-3));
        drop(writer);
        assert_eq!(all_of(&path).1.len(), 3 * 200_001, "dropping completes the file");
    }
}

#[test]
fn a_recorder_that_never_closed_its_header_is_read_to_the_end() {
    for size in [0u32, u32::MAX] {
        let mut bytes = plain(1, 16, &[0, 0x40].repeat(100));
        bytes[4..8].copy_from_slice(&size.to_le_bytes());
        bytes[40..44].copy_from_slice(&size.to_le_bytes());
        let mut reader = reader_of(bytes).unwrap();
        assert_eq!(reader.spec().frames, 100);
        assert_eq!(drain(&mut reader), [0.5; 100]);
        assert_eq!(reader.missing_frames(), 0);
    }
}

#[test]
fn a_truly_empty_file_is_empty_even_with_a_chunk_behind_it() {
    let bytes = riff(&[chunk(b"fmt ", &fmt_body(1, 1, 48_000, 2, 16)), chunk(b"data", b""), chunk(b"LIST", b"INFO")]);
    let mut reader = reader_of(bytes).unwrap();
    assert_eq!(reader.spec().frames, 0);
    assert!(drain(&mut reader).is_empty());
}

#[test]
fn a_cut_file_is_read_as_far_as_it_goes_and_says_so() {
    let mut bytes = plain(1, 16, &[0, 0x40].repeat(1_000));
    bytes.truncate(44 + 501);
    let mut reader = reader_of(bytes.clone()).unwrap();
    assert_eq!((reader.spec().frames, reader.missing_frames()), (250, 750));
    assert_eq!(drain(&mut reader).len(), 250);
    assert_eq!(reader.remarks(), ["test.wav: cut short: 250 of 1000 frames are there, 750 are missing"]);
    // Through a pipe the end is only known when it comes.
    let mut pipe = Reader::from_source("-", Box::new(Cursor::new(bytes)), None).unwrap();
    assert_eq!((pipe.spec().frames, pipe.missing_frames()), (1_000, 0));
    assert_eq!(drain(&mut pipe).len(), 250);
    assert_eq!(pipe.missing_frames(), 750);
}

#[test]
fn nan_and_infinity_read_as_zero_and_are_counted() {
    let floats = [0.25f32, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.25];
    let bytes: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut reader = reader_of(plain(3, 32, &bytes)).unwrap();
    assert_eq!(drain(&mut reader), [0.25, 0.0, 0.0, 0.0, -0.25]);
    assert_eq!(reader.non_finite(), 3);
    assert_eq!(reader.remarks(), ["test.wav: 3 samples were NaN or infinite and read as 0"]);

    let doubles = [f64::NAN, 0.5, 1e300];
    let bytes: Vec<u8> = doubles.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut single = [0f32; 3];
    let mut reader = reader_of(plain(3, 64, &bytes)).unwrap();
    assert_eq!(reader.read(&mut single).unwrap(), 3);
    assert_eq!((single, reader.non_finite()), ([0.0, 0.5, 0.0], 2));
}

#[test]
fn integers_of_every_width_have_the_same_full_scale() {
    let cases: [(u16, &[u8]); 4] = [
        (8, &[0, 128, 192]),
        (16, &[0, 0x80, 0, 0, 0, 0x40]),
        (24, &[0, 0, 0x80, 0, 0, 0, 0, 0, 0x40]),
        (32, &[0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x40]),
    ];
    for (bits, data) in cases {
        assert_eq!(drain(&mut reader_of(plain(1, bits, data)).unwrap()), [-1.0, 0.0, 0.5], "{bits} bit");
        let mut single = [0f32; 3];
        reader_of(plain(1, bits, data)).unwrap().read(&mut single).unwrap();
        assert_eq!(single, [-1.0, 0.0, 0.5], "{bits} bit");
    }
    // 20 bits at the top of three bytes, 24 at the top of four.
    let wide = |frame_bytes, bits, data: &[u8]| {
        riff(&[chunk(b"fmt ", &fmt_body(1, 1, 48_000, frame_bytes, bits)), chunk(b"data", data)])
    };
    assert_eq!(drain(&mut reader_of(wide(3, 20, &[0, 0, 0x40])).unwrap()), [0.5]);
    assert_eq!(drain(&mut reader_of(wide(4, 24, &[0, 0, 0, 0x40])).unwrap()), [0.5]);
}

#[test]
fn long_files_carry_their_size_in_ds64() {
    let data = [0, 0x40].repeat(10);
    let mut ds64 = Vec::new();
    ds64.extend(1_000u64.to_le_bytes());
    ds64.extend((data.len() as u64).to_le_bytes());
    ds64.extend([0; 12]);
    for id in [b"RF64", b"BW64"] {
        let mut bytes = riff(&[
            chunk(b"ds64", &ds64),
            chunk(b"bext", &[7; 603]),
            chunk(b"fmt ", &fmt_body(1, 1, 48_000, 2, 16)),
            chunk(b"data", &data),
            chunk(b"LIST", &[1; 40]),
        ]);
        bytes[..4].copy_from_slice(id);
        bytes[4..8].copy_from_slice(&[0xFF; 4]);
        let at = bytes.windows(4).position(|w| w == b"data").unwrap() + 4;
        bytes[at..at + 4].copy_from_slice(&[0xFF; 4]);
        let mut reader = reader_of(bytes).unwrap();
        assert_eq!(reader.spec().frames, 10, "what follows the samples is not sound");
        assert_eq!(drain(&mut reader), [0.5; 10]);
    }
}

#[test]
fn what_is_not_wav_is_named_with_a_way_out() {
    let told = |bytes: &[u8]| reader_of(bytes.to_vec()).unwrap_err();
    for (bytes, word) in [
        (&b"fLaC\0\0\0\x22aaaaaaaaaaaa"[..], "is FLAC that cannot be read"),
        (b"FORM\0\0\0\0AIFFxxxx", "is AIFF"),
        (b"ID3\x04aaaaaaaaaa", "MP3"),
        (b"", "is empty"),
        (b"RIFF\0\0\0\0AVI LIST", "not WAVE"),
        (b"RIFF\0\0\0\0WAVE", "before its fmt chunk"),
        (b"hello, world, hello", "not an audio file"),
    ] {
        let error = told(bytes);
        assert!(error.to_string().starts_with("test.wav: "), "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.is_input());
    }
    for (bytes, word) in [
        (plain(6, 8, &[]), "A-law"),
        (plain(2, 8, &[]), "ADPCM"),
        (riff(&[chunk(b"data", &[0; 4])]), "before their format"),
        (riff(&[chunk(b"fmt ", &fmt_body(1, 0, 48_000, 2, 16))]), "0 channels"),
        (riff(&[chunk(b"fmt ", &fmt_body(1, 1, 0, 2, 16))]), "0 Hz"),
        (riff(&[chunk(b"fmt ", &fmt_body(1, 2, 48_000, 3, 16))]), "do not fit"),
        (riff(&[chunk(b"fmt ", &[0; 9])]), "9 bytes"),
    ] {
        assert!(told(&bytes).to_string().contains(word), "{}", told(&bytes));
    }
    let missing = Reader::open("/nowhere/at/all.wav").unwrap_err();
    assert!(missing.is_input() && missing.to_string().contains("check the path"), "{missing}");
    let nowhere = Writer::create("/nowhere/at/all.wav", &Format::new(48_000, 1, Bits::Int16)).err().unwrap();
    assert!(nowhere.to_string().contains("make its directory first"), "{nowhere}");
}

#[test]
fn beyond_4_gib_the_header_becomes_rf64() {
    let scratch = Scratch::new();
    let path = scratch.path("long.wav");
    let mut writer = Writer::create(&path, &Format::new(48_000, 2, Bits::Float64)).unwrap();
    writer.write_f64(&spread(&tone(48_000, 100.0, 0.0, 0.0, 100), 2)).unwrap();
    writer.pretend_longer(1 << 33);
    writer.finish().unwrap();
    // A hole in the file stands for the eight gigabytes between.
    let mut reader = Reader::open(&path).unwrap();
    assert_eq!(reader.spec().frames, ((1 << 33) + 1_600) / 16);
    assert_eq!(reader.missing_frames(), 0);
    let mut block = [0.0; 8];
    assert_eq!(reader.read_f64(&mut block).unwrap(), 4);
    let mut start = [0u8; 16];
    std::io::Read::read_exact(&mut fs::File::open(&path).unwrap(), &mut start).unwrap();
    assert_eq!(&start, b"RF64\xFF\xFF\xFF\xFFWAVEds64");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(mut reader) = reader_of(bytes) {
            drain(&mut reader);
        }
    }

    #[test]
    fn no_damage_to_a_header_makes_the_reader_panic_or_invent_sound(
        damage in proptest::collection::vec((0usize..120, any::<u8>()), 0..6),
        cut in 0usize..400,
        pipe in any::<bool>(),
    ) {
        let mut bytes = b"RF64\xFF\xFF\xFF\xFFWAVE".to_vec();
        bytes.extend(chunk(b"ds64", &[3; 28]));
        bytes.extend(chunk(b"fmt ", &fmt_body(0xFFFE, 2, 48_000, 8, 32)));
        bytes.extend(chunk(b"data", &[0; 200]));
        for (at, value) in damage {
            bytes[at] = value;
        }
        bytes.truncate(cut);
        let len = bytes.len();
        let known = (!pipe).then_some(len as u64);
        if let Ok(mut reader) = Reader::from_source("x", Box::new(Cursor::new(bytes)), known) {
            let samples = drain(&mut reader);
            prop_assert!(samples.iter().all(|x| x.is_finite()));
            prop_assert!(samples.len() * reader.spec().encoding.bytes() <= len);
        }
    }
}

#[test]
fn a_flac_is_read_as_the_wav_of_its_samples() {
    use super::testing::Scratch;
    let scratch = Scratch::new();
    let samples: Vec<f64> = (0..60_000).map(|i| 0.7 * (f64::from(i) * 0.0137).sin() * (f64::from(i) * 1.1).cos()).collect();
    for (bits, channels) in [(Bits::Int16, 1), (Bits::Int24, 2), (Bits::Int24, 6)] {
        let hold = |name: &str, container| {
            let path = scratch.path(name);
            let format = Format { container, ..Format::new(44_100, channels, bits) };
            let mut writer = Writer::create(&path, &format).unwrap();
            writer.write_f64(&samples).unwrap();
            writer.finish().unwrap();
            path
        };
        // Its name does not matter.
        let (wav, flac) = (hold("a.wav", Container::Wav), hold("b.wav", Container::Flac));
        let mut read = [&wav, &flac].map(|path| {
            let mut reader = Reader::open(path).unwrap();
            let spec = reader.spec().clone();
            (spec.rate, spec.channels, spec.frames, spec.encoding, drain(&mut reader), reader.remarks())
        });
        assert!(read[0] == read[1], "{bits:?}, {channels} channels");
        // Cut in its middle it is read as far as it goes, and says so; with a bit turned it is damaged.
        let mut bytes = std::fs::read(&flac).unwrap();
        let whole = bytes.len();
        let mut cut = reader_of(bytes[..whole / 2].to_vec()).unwrap();
        read[1].4 = drain(&mut cut);
        assert!(!read[1].4.is_empty() && read[0].4.starts_with(&read[1].4));
        assert!(cut.remarks()[0].contains("cut short"), "{:?}", cut.remarks());
        bytes[whole / 2] ^= 0x10;
        let mut damaged = reader_of(bytes).unwrap();
        let mut out = vec![0.0; 60_000];
        let error = damaged.read_f64(&mut out).unwrap_err();
        assert!(error.is_input() && error.to_string().contains("damaged"), "{error}");
    }
}
