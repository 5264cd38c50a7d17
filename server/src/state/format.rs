//! The text of a state file.
//!
//! ```text
//! headroom-state 1
//! # Small stage (/etc/headroom/rig.toml): what was set live. Written by headroom; edit the rig instead.
//! set /ch/kick/fader -6.5
//! stated /ch/kick/fader -5
//! aside /ch/bass/fader -12
//! was /ch/bass/fader 0
//! at /present verse-1
//! safe /ch/*/eq on
//! end 1f0c5e8a90b3d672
//! ```
//!
//! One value a line and not TOML: lines can be compared, searched and pasted into `headroom send`, and
//! reading them needs nothing but splitting. `set` is what was set live; `stated` is what the rig stated
//! when it was last loaded; `aside` does not fit the rig as it is, and `was` is what the rig stated there
//! while it did; `at` is where one stands in the list of scenes, `safe` what is kept
//! out of recalls. The last line holds a CRC-64 of all before it.

use crate::scene::Standing;
use std::collections::BTreeMap;

/// First line; another version is another format.
const HEAD: &str = "headroom-state 1";
/// Values kept aside at most; those that went first are forgotten first.
pub const MOST_ASIDE: usize = 8_192;

/// What is remembered of a rig, by address with ids for numbers (`/ch/kick/fader`), values as
/// [`super::text`] writes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// What was set live.
    pub live: BTreeMap<String, String>,
    /// What the rig stated when it was last loaded.
    pub stated: BTreeMap<String, String>,
    /// What does not fit the rig as it is; what went last comes first.
    pub aside: Vec<Aside>,
    /// Where one stands among the scenes.
    pub standing: Standing,
}

/// A value whose strip or processor is gone, or that is out of range.
#[derive(Clone, Debug, PartialEq)]
pub struct Aside {
    /// Its address.
    pub address: String,
    /// The value.
    pub value: String,
    /// What the rig stated at this address when it was last there.
    pub was: Option<String>,
}

/// The text of a memory; `title` says to a reader what it is of.
pub fn encode(memory: &Memory, title: &str) -> Vec<u8> {
    let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut out = format!("{HEAD}\n# {title}: what was set live. Written by headroom; edit the rig instead.\n");
    let mut line = |word: &str, address: &str, value: &str| {
        debug_assert!(!address.contains(' ') && !address.contains('\n') && !value.contains('\n'));
        out.extend([word, " ", address, " ", value, "\n"]);
    };
    memory.live.iter().for_each(|(address, value)| line("set", address, value));
    memory.stated.iter().for_each(|(address, value)| line("stated", address, value));
    for a in &memory.aside {
        line("aside", &a.address, &a.value);
        if let Some(was) = &a.was {
            line("was", &a.address, was);
        }
    }
    let standing = &memory.standing;
    for (place, file) in [("/present", &standing.present), ("/selected", &standing.selected)] {
        file.iter().for_each(|file| line("at", place, file));
    }
    for (pattern, on) in &standing.safe {
        line("safe", pattern, if *on { "on" } else { "off" });
    }
    let sum = crc64(out.as_bytes());
    out.push_str(&end(sum));
    out.into_bytes()
}

fn end(sum: u64) -> String {
    format!("end {sum:016x}\n")
}

/// What a file holds.
///
/// # Errors
/// Says what is wrong with it, for the log.
pub fn decode(bytes: &[u8]) -> Result<Memory, String> {
    let length = end(0).len();
    let Some(cut) = bytes.len().checked_sub(length) else {
        return Err(if bytes.is_empty() { "it is empty" } else { "its end is missing" }.into());
    };
    let (body, last) = bytes.split_at(cut);
    if last != end(crc64(body)).as_bytes() {
        let whole = last.starts_with(b"end ") && last.ends_with(b"\n");
        return Err(if whole { "its checksum does not fit" } else { "its end is missing" }.into());
    }
    let body = std::str::from_utf8(body).map_err(|e| format!("byte {} is not UTF-8 text", e.valid_up_to()))?;
    let mut lines = body.split('\n').enumerate().map(|(at, line)| (at + 1, line));
    match lines.next() {
        Some((_, HEAD)) => {}
        head => return Err(format!("it starts with {:?}, not with \"{HEAD}\"", head.map_or("", |h| h.1))),
    }
    let mut memory = Memory::default();
    for (number, line) in lines.filter(|(_, l)| !l.is_empty() && !l.starts_with('#')) {
        let wrong = || format!("line {number} is not understood");
        let mut words = line.splitn(3, ' ');
        let (Some(word), Some(address), Some(value)) = (words.next(), words.next(), words.next()) else { return Err(wrong()) };
        if !address.starts_with('/') {
            return Err(wrong());
        }
        let (address, value) = (address.to_owned(), value.to_owned());
        match (word, memory.aside.last_mut()) {
            ("set", _) => drop(memory.live.insert(address, value)),
            ("stated", _) => drop(memory.stated.insert(address, value)),
            ("aside", _) => memory.aside.push(Aside { address, value, was: None }),
            ("at", _) if address == "/present" => memory.standing.present = Some(value),
            ("at", _) if address == "/selected" => memory.standing.selected = Some(value),
            ("safe", _) if value == "on" || value == "off" => memory.standing.safe.push((address, value == "on")),
            ("was", Some(last)) if last.address == address => last.was = Some(value),
            _ => return Err(wrong()),
        }
    }
    Ok(memory)
}

/// CRC-64/XZ: finds every change of up to 64 neighbouring bits.
pub fn crc64(bytes: &[u8]) -> u64 {
    const TABLE: [u64; 256] = table();
    !bytes.iter().fold(!0, |sum, b| TABLE[usize::from(sum as u8 ^ b)] ^ (sum >> 8))
}

const fn table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut sum = i as u64;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xc96c_5795_d787_0f42 } else { sum >> 1 };
            bit += 1;
        }
        table[i] = sum;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    fn memory() -> Memory {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, v)| ((*a).to_owned(), (*v).to_owned())).collect();
        let aside = |address: &str, value: &str, was: Option<&str>| Aside {
            address: address.into(),
            value: value.into(),
            was: was.map(str::to_owned),
        };
        Memory {
            live: map(&[("/ch/kick/fader", "-6.5"), ("/ch/kick/name", "\"Kick ä\"")]),
            stated: map(&[("/ch/kick/fader", "-5")]),
            aside: vec![aside("/ch/bass/fader", "-12", Some("0")), aside("/ch/bass/mute", "on", None)],
            standing: Standing { present: Some("verse-1".into()), selected: None, safe: vec![("/ch/*/eq".into(), true)] },
        }
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc64(b"123456789"), 0x995d_c9bb_df19_39fa);
    }

    #[test]
    fn a_file_reads_as_it_is_meant_to() {
        let text = String::from_utf8(encode(&memory(), "Small stage\n(rig.toml)")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "headroom-state 1");
        assert!(lines[1].starts_with("# Small stage (rig.toml): "));
        assert_eq!(
            lines[2..10].join("|"),
            "set /ch/kick/fader -6.5|set /ch/kick/name \"Kick ä\"|stated /ch/kick/fader -5|aside /ch/bass/fader -12|was /ch/bass/fader 0|aside /ch/bass/mute on|at /present verse-1|safe /ch/*/eq on"
        );
        assert_eq!(decode(text.as_bytes()), Ok(memory()));
    }

    #[test]
    fn every_truncation_is_noticed() {
        let whole = encode(&memory(), "x");
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
        }
        assert!(decode(&[&whole[..], b"\n"].concat()).is_err());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let whole = encode(&memory(), "x");
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_has_a_right_checksum_and_is_no_state_is_refused() {
        let signed = |body: &[u8]| [body, end(crc64(body)).as_bytes()].concat();
        for body in [
            &b""[..],
            b"headroom-state 2\n",
            b"headroom-state 1 \n",
            b"headroom-state 1\nset /ch/1/fader\n",
            b"headroom-state 1\nset ch/1/fader 0\n",
            b"headroom-state 1\nlose /ch/1/fader 0\n",
            b"headroom-state 1\nwas /ch/1/fader 0\n",
            b"headroom-state 1\naside /a 0\nwas /b 0\n",
            b"headroom-state 1\n# \xff\n",
        ] {
            assert!(decode(&signed(body)).is_err(), "{body:?}");
        }
        assert_eq!(decode(&signed(b"headroom-state 1\n\n# nothing\n")), Ok(Memory::default()));
    }

    fn any_memory() -> impl Strategy<Value = Memory> {
        let address = "/[a-z0-9/-]{0,12}";
        let value = "[^\\n]{0,12}";
        let map = || btree_map(address, value, 0..6);
        let aside = (address, value, proptest::option::of(value));
        let aside = aside.prop_map(|(address, value, was)| Aside { address, value, was });
        let place = || proptest::option::of("[a-z0-9-]{1,9}");
        let standing = (place(), place(), vec((address, any::<bool>()), 0..4));
        let standing = standing.prop_map(|(present, selected, safe)| Standing { present, selected, safe });
        (map(), map(), vec(aside, 0..6), standing).prop_map(|(live, stated, aside, standing)| Memory {
            live,
            stated,
            aside,
            standing,
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(memory in any_memory(), title in "\\PC{0,20}") {
            prop_assert_eq!(decode(&encode(&memory, &title)), Ok(memory));
        }

        #[test]
        fn nothing_panics(bytes in vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&bytes).is_err());
        }

        #[test]
        fn nothing_signed_panics(text in "headroom-state 1\n((set|stated|aside|was|at|safe|#)? ?/?[a-z]{0,3} ?\\PC{0,4}\n){0,6}") {
            let _ = decode(&[text.as_bytes(), end(crc64(text.as_bytes())).as_bytes()].concat());
        }
    }
}
