//! Sound files to the bit: written as 64-bit float, read as whatever they are.

use std::fs;
use std::path::Path;

/// Channels of samples at a rate in Hz.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sound {
    /// Frames a second.
    pub rate: u32,
    /// One list of samples a channel.
    pub channels: Vec<Vec<f64>>,
}

/// Writes a 64-bit float file.
///
/// # Errors
/// The system failed to write.
pub fn write(path: &Path, sound: &Sound) -> Result<(), String> {
    let (channels, frames) = (sound.channels.len(), sound.channels.first().map_or(0, Vec::len));
    let bytes = (channels * frames * 8) as u32;
    let mut file = Vec::with_capacity(bytes as usize + 64);
    file.extend(b"RIFF");
    file.extend((bytes + 50).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(18u32.to_le_bytes());
    file.extend(3u16.to_le_bytes());
    file.extend((channels as u16).to_le_bytes());
    file.extend(sound.rate.to_le_bytes());
    file.extend((sound.rate * channels as u32 * 8).to_le_bytes());
    file.extend((channels as u16 * 8).to_le_bytes());
    file.extend(64u16.to_le_bytes());
    file.extend(0u16.to_le_bytes());
    file.extend(b"fact");
    file.extend(4u32.to_le_bytes());
    file.extend((frames as u32).to_le_bytes());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    for i in 0..frames {
        sound.channels.iter().for_each(|c| file.extend(c[i].to_le_bytes()));
    }
    fs::write(path, file).map_err(|e| format!("{}: {e}", path.display()))
}

/// Reads a RIFF file of 16 or 24 bit integers or 32 or 64 bit floats.
///
/// # Errors
/// The file is missing, or of another kind.
pub fn read(path: &Path) -> Result<Sound, String> {
    let file = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    parse(&file).ok_or_else(|| format!("{} is no WAV file of a kind that is read here", path.display()))
}

fn parse(file: &[u8]) -> Option<Sound> {
    let word = |at: usize| Some(u16::from_le_bytes(file.get(at..at + 2)?.try_into().ok()?));
    let long = |at: usize| Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?));
    let (mut at, mut sound, mut bits, mut float) = (12, Sound::default(), 0, false);
    loop {
        let (name, size) = (file.get(at..at + 4)?, long(at + 4)? as usize);
        let body = at + 8;
        if name == b"fmt " {
            // An extensible header has the kind at the start of its GUID.
            let kind = word(body)?;
            float = if kind == 0xFFFE { word(body + 24)? } else { kind } == 3;
            sound.channels = vec![Vec::new(); usize::from(word(body + 2)?)];
            sound.rate = long(body + 4)?;
            bits = word(body + 14)?;
        } else if name == b"data" {
            let width = usize::from(bits) / 8;
            for frame in file.get(body..body + size)?.chunks_exact(width * sound.channels.len()) {
                for (bytes, to) in frame.chunks_exact(width).zip(&mut sound.channels) {
                    to.push(sample(bytes, float)?);
                }
            }
            return Some(sound);
        }
        at = body + size + size % 2;
    }
}

fn sample(bytes: &[u8], float: bool) -> Option<f64> {
    Some(match (bytes.len(), float) {
        (2, false) => f64::from(i16::from_le_bytes(bytes.try_into().ok()?)) / 32_768.0,
        (3, false) => f64::from(i32::from_le_bytes([0, bytes[0], bytes[1], bytes[2]]) >> 8) / 8_388_608.0,
        (4, true) => f64::from(f32::from_le_bytes(bytes.try_into().ok()?)),
        (8, true) => f64::from_le_bytes(bytes.try_into().ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let sound = Sound { rate: 44_100, channels: vec![vec![0.1, -1.0, 1e-300], vec![3.0, 0.0, f64::MIN_POSITIVE]] };
        write(&path, &sound).unwrap();
        assert_eq!(read(&path).unwrap(), sound);
    }

    #[test]
    fn files_of_another_writer_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.wav");
        crate::write_wav(&path, 2, 48_000, &[0.5, -0.25, 1.5, 0.0]);
        let sound = read(&path).unwrap();
        assert_eq!((sound.rate, sound.channels), (48_000, vec![vec![0.5, 1.5], vec![-0.25, 0.0]]));
    }
}
