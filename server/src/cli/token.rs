//! `headroom token`: a token for a role, and its line for the rig.

use super::Fail;
use crate::rig::settings::hash;
use std::fmt::Write;
use std::io::{BufRead, Read};

/// Random bytes of a token: 120 bits cannot be guessed.
const BYTES: usize = 15;
/// Letters and digits that cannot be taken for one another, when read aloud or typed on a phone.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Shortest token of one's own.
const SHORTEST: usize = 8;

/// Arguments of `token`.
#[derive(clap::Args)]
pub struct TokenArgs {
    /// Makes the line for a token that is read from standard input, in place of a new one.
    #[arg(long)]
    stdin: bool,
}

/// Runs the command.
pub fn run(args: &TokenArgs) -> Result<(), Fail> {
    let token = if args.stdin { own()? } else { random()? };
    if !args.stdin {
        say!("token, for whoever logs in (/login {token}); it is shown once:");
        say!("  {token}");
        say!("its line for the [[role]] in the rig:");
    }
    say!("token = \"sha256:{}\"", hex(&hash(&token)));
    Ok(())
}

fn own() -> Result<String, Fail> {
    let mut line = String::new();
    std::io::stdin().lock().take(4096).read_line(&mut line).map_err(|e| Fail::running(e.to_string()))?;
    let token = line.trim().to_owned();
    if token.len() < SHORTEST {
        return Err(Fail::input(format!(
            "a token of fewer than {SHORTEST} characters can be guessed; `headroom token` makes one"
        )));
    }
    Ok(token)
}

fn random() -> Result<String, Fail> {
    let mut bytes = [0; BYTES];
    let urandom = std::fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes));
    urandom.map_err(|e| Fail::running(format!("no random numbers: {e}")))?;
    Ok(spelled(&bytes))
}

/// Five bits a letter, in groups of six.
fn spelled(bytes: &[u8; BYTES]) -> String {
    let bits = bytes.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    let letters: Vec<u8> = (0..BYTES * 8 / 5).map(|n| LETTERS[(bits >> (5 * n)) as usize & 31]).collect();
    letters.chunks(6).map(|group| String::from_utf8_lossy(group).into_owned()).collect::<Vec<_>>().join("-")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_easy_to_type_and_its_hash_is_sha_256() {
        assert_eq!(spelled(&[0; BYTES]), "aaaaaa-aaaaaa-aaaaaa-aaaaaa");
        assert_ne!(spelled(&[0x5a; BYTES]), spelled(&[0xa5; BYTES]));
        // FIPS 180-4's own example.
        assert_eq!(hex(&hash("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
