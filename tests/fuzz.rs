//! The fuzzer's targets without the fuzzer: everything in their corpora, and some thousand random changes of it. What
//! `make fuzz` once found stands there as a file, so each crash stays a test.

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::path::Path;
use std::time::{Duration, Instant};

use targets::TARGETS;

/// Time for the random changes of one target.
const TIME: Duration = Duration::from_millis(600);
/// Changes of one target at most.
const MOST: usize = 20_000;

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

/// The words of a dictionary: one a line, in quotes, bytes as `\xNN`.
fn words(path: &Path) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let word = |line: &str| {
        let mut rest = line.trim().strip_prefix('"')?.strip_suffix('"')?;
        let mut bytes = Vec::new();
        while let Some(c) = rest.chars().next() {
            if let Some(hex) = rest.strip_prefix("\\x") {
                bytes.push(u8::from_str_radix(hex.get(..2)?, 16).ok()?);
                rest = &hex[2..];
            } else {
                let plain = rest.strip_prefix('\\').unwrap_or(rest);
                let c = plain.chars().next().unwrap_or(c);
                bytes.extend(c.to_string().bytes());
                rest = &plain[c.len_utf8()..];
            }
        }
        Some(bytes)
    };
    text.lines().filter_map(word).collect()
}

/// One input with a few changes: bytes, words, parts of itself and of another.
fn changed(corpus: &[Vec<u8>], words: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = corpus[random.next(corpus.len())].clone();
    for _ in 0..1 + random.next(6) {
        let at = random.next(bytes.len() + 1);
        let end = (at + random.next(16)).min(bytes.len());
        match random.next(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.next(8),
            1 if at < bytes.len() => bytes[at] = random.next(256) as u8,
            2 => drop(bytes.drain(at..end)),
            3 if !words.is_empty() => drop(bytes.splice(at..at, words[random.next(words.len())].iter().copied())),
            4 => drop(bytes.splice(at..at, bytes.clone()[at..end].to_vec())),
            5 => {
                let other = &corpus[random.next(corpus.len())];
                let (from, to) = (random.next(other.len() + 1), random.next(other.len() + 1));
                bytes.splice(at..end, other[from.min(to)..from.max(to)].iter().copied());
            }
            _ => bytes.insert(at, random.next(256) as u8),
        }
    }
    bytes
}

#[test]
fn every_target_takes_its_corpus_and_thousands_of_changes_of_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    for target in TARGETS {
        let corpus = std::fs::read_dir(folder.join("corpus").join(target.name)).expect("a corpus");
        let mut files: Vec<_> = corpus.map(|f| f.expect("a file").path()).collect();
        files.sort();
        let corpus: Vec<Vec<u8>> = files.iter().map(|f| std::fs::read(f).expect("a file")).collect();
        assert!(corpus.len() >= 2, "{} has no corpus", target.name);
        let words = words(&folder.join("dictionaries").join(format!("{}.dict", target.name)));
        assert!(!words.is_empty(), "{} has no dictionary", target.name);
        let run = |bytes: &[u8], what: &str| {
            let began = Instant::now();
            if std::panic::catch_unwind(|| (target.run)(bytes)).is_err() {
                let shown: String = bytes.escape_ascii().to_string();
                panic!("{} falls over {what}: \"{shown}\"", target.name);
            }
            // Bounded work: nothing of this size takes seconds, however slow the machine.
            assert!(began.elapsed() < Duration::from_secs(20), "{} hangs on {what}: {}", target.name, bytes.escape_ascii());
        };
        run(&[], "nothing");
        corpus.iter().zip(&files).for_each(|(bytes, file)| run(bytes, &file.display().to_string()));
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let began = Instant::now();
        let mut count = 0;
        while count < MOST && began.elapsed() < TIME {
            run(&changed(&corpus, &words, &mut random), "a change");
            count += 1;
        }
        println!("{}: {count} changes in {:?}", target.name, began.elapsed());
    }
}
