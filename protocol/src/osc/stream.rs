//! OSC packets over a byte stream.
//!
//! OSC 1.0 puts an int32 size before each packet; OSC 1.1 uses SLIP (RFC 1055) with END on both
//! sides. A connection speaks one of the two, and its first byte tells which:
//!
//! | first byte | framing |
//! | --- | --- |
//! | `C0` | SLIP |
//! | `/` or `#` | SLIP whose sender leaves the leading END out: a packet begins like this, and a size would be over 500 MB |
//! | `00` | length prefix; every size up to [`MAX_FRAME`] begins so |
//! | other | not OSC ([`BadStream::Unknown`]) |

use std::fmt;

/// Largest packet accepted over a stream, in bytes: the most messages of a bundle, each with the longest address.
pub const MAX_FRAME: usize = 1 << 19;

/// Room kept between packets, in bytes.
const KEPT: usize = 1 << 14;

const END: u8 = 0xc0;
const ESC: u8 = 0xdb;
const ESC_END: u8 = 0xdc;
const ESC_ESC: u8 = 0xdd;

/// How packets are kept apart on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// RFC 1055, OSC 1.1.
    Slip,
    /// A big-endian int32 before each packet, OSC 1.0.
    Length,
}

/// Why a stream cannot be read on; the connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadStream {
    /// The first byte belongs to neither framing.
    Unknown,
    /// A packet of more than [`MAX_FRAME`] bytes, or of a negative size.
    Oversized,
    /// A size that is no multiple of four: sizes are being read where none are.
    Size,
    /// A SLIP escape before anything but its two codes.
    Escape,
}

impl fmt::Display for BadStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "neither SLIP nor a length prefix",
            Self::Oversized => "packet too large",
            Self::Size => "packet size is no multiple of four",
            Self::Escape => "bad SLIP escape",
        })
    }
}

impl std::error::Error for BadStream {}

/// Takes packets out of a stream that arrives in pieces of any size.
///
/// Holds one packet at most, so a connection costs no more than [`MAX_FRAME`] bytes.
#[derive(Debug, Default)]
pub struct Deframer {
    state: State,
    frame: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Nothing has arrived.
    #[default]
    Start,
    Slip {
        escaped: bool,
    },
    /// Reading a size, of which this many bytes are known.
    Size {
        value: u32,
        known: u8,
    },
    /// Reading a packet, of which this many bytes are missing.
    Body {
        missing: usize,
    },
    /// A packet was handed out, and its buffer is to be cleared.
    Done(Framing),
    Bad(BadStream),
}

const SIZE: State = State::Size { value: 0, known: 0 };

impl Deframer {
    /// For a connection on which nothing has arrived.
    pub fn new() -> Self {
        Self::default()
    }

    /// The framing in use, for what is sent back; `None` before the first byte.
    pub fn framing(&self) -> Option<Framing> {
        match self.state {
            State::Start | State::Bad(_) => None,
            State::Slip { .. } => Some(Framing::Slip),
            State::Size { .. } | State::Body { .. } => Some(Framing::Length),
            State::Done(framing) => Some(framing),
        }
    }

    /// Reads `input` on to the end of a packet, and takes away what it has read.
    ///
    /// `Ok(None)` says that `input` is used up and the packet incomplete. Call it until then:
    /// one piece of a stream may hold many packets. Empty packets are left out.
    ///
    /// # Errors
    ///
    /// [`BadStream`], now and at every later call.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<&[u8]>, BadStream> {
        match self.advance(input) {
            Ok(Some(framing)) => {
                self.state = State::Done(framing);
                Ok(Some(&self.frame))
            }
            Ok(None) => Ok(None),
            Err(bad) => {
                self.state = State::Bad(bad);
                self.frame = Vec::new();
                Err(bad)
            }
        }
    }

    /// Bytes of memory that it holds.
    pub fn held(&self) -> usize {
        self.frame.capacity()
    }

    /// Whether a packet has begun and not ended: a stream that closes now was cut.
    pub fn is_inside(&self) -> bool {
        match self.state {
            State::Slip { escaped } => escaped || !self.frame.is_empty(),
            State::Size { known, .. } => known > 0,
            State::Body { .. } => true,
            State::Start | State::Done(_) | State::Bad(_) => false,
        }
    }

    /// Says which framing ended a packet that now stands in `frame`.
    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Framing>, BadStream> {
        while let Some((&first, rest)) = input.split_first() {
            match &mut self.state {
                State::Start => {
                    self.state = match first {
                        END | b'/' | b'#' => State::Slip { escaped: false },
                        0 => SIZE,
                        _ => return Err(BadStream::Unknown),
                    };
                }
                State::Done(framing) => {
                    self.frame.clear();
                    // One large packet is no reason to keep its room for the life of a connection.
                    self.frame.shrink_to(KEPT);
                    self.state = match framing {
                        Framing::Slip => State::Slip { escaped: false },
                        Framing::Length => SIZE,
                    };
                }
                State::Slip { escaped: true } => {
                    self.frame.push(match first {
                        ESC_END => END,
                        ESC_ESC => ESC,
                        _ => return Err(BadStream::Escape),
                    });
                    self.state = State::Slip { escaped: false };
                    *input = rest;
                    self.check_size()?;
                }
                State::Slip { escaped } => match first {
                    END => {
                        *input = rest;
                        if !self.frame.is_empty() {
                            return Ok(Some(Framing::Slip));
                        }
                    }
                    ESC => {
                        *escaped = true;
                        *input = rest;
                    }
                    _ => {
                        let special = |byte: &u8| matches!(*byte, END | ESC);
                        let plain = input.iter().position(special).unwrap_or(input.len());
                        self.take(plain, input);
                        self.check_size()?;
                    }
                },
                State::Size { value, known } => {
                    *input = rest;
                    *value = *value << 8 | u32::from(first);
                    *known += 1;
                    if *known == 4 {
                        let size = *value as usize;
                        if size > MAX_FRAME {
                            return Err(BadStream::Oversized);
                        }
                        if !size.is_multiple_of(4) {
                            return Err(BadStream::Size);
                        }
                        self.state = match size {
                            0 => SIZE,
                            missing => State::Body { missing },
                        };
                    }
                }
                State::Body { missing } => {
                    let count = (*missing).min(input.len());
                    *missing -= count;
                    let complete = *missing == 0;
                    self.take(count, input);
                    if complete {
                        return Ok(Some(Framing::Length));
                    }
                }
                State::Bad(bad) => return Err(*bad),
            }
        }
        if let State::Bad(bad) = self.state {
            return Err(bad);
        }
        Ok(None)
    }

    fn take(&mut self, count: usize, input: &mut &[u8]) {
        let (taken, rest) = input.split_at(count);
        // A piece of stream may be larger than a packet may be; one byte over tells.
        let room = MAX_FRAME + 1 - self.frame.len();
        self.frame.extend_from_slice(&taken[..count.min(room)]);
        *input = rest;
    }

    fn check_size(&self) -> Result<(), BadStream> {
        if self.frame.len() > MAX_FRAME {
            return Err(BadStream::Oversized);
        }
        Ok(())
    }
}

/// Appends `packet` to `out`, framed for a stream.
///
/// `packet` is at most [`MAX_FRAME`] bytes long, or the other side may close.
pub fn frame(framing: Framing, packet: &[u8], out: &mut Vec<u8>) {
    match framing {
        Framing::Length => {
            out.extend((packet.len() as u32).to_be_bytes());
            out.extend_from_slice(packet);
        }
        Framing::Slip => {
            out.push(END);
            for &byte in packet {
                match byte {
                    END => out.extend([ESC, ESC_END]),
                    ESC => out.extend([ESC, ESC_ESC]),
                    _ => out.push(byte),
                }
            }
            out.push(END);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(deframer: &mut Deframer, mut input: &[u8]) -> Result<Vec<Vec<u8>>, BadStream> {
        let mut frames = Vec::new();
        while let Some(frame) = deframer.next(&mut input)? {
            frames.push(frame.to_vec());
        }
        assert!(input.is_empty());
        Ok(frames)
    }

    fn read(input: &[u8]) -> Result<Vec<Vec<u8>>, BadStream> {
        read_all(&mut Deframer::new(), input)
    }

    #[test]
    fn slip_escapes_its_two_bytes() {
        let mut out = Vec::new();
        frame(Framing::Slip, b"/\xc0a\xdb", &mut out);
        assert_eq!(out, b"\xc0/\xdb\xdca\xdb\xdd\xc0");
        assert_eq!(read(&out), Ok(vec![b"/\xc0a\xdb".to_vec()]));
    }

    #[test]
    fn the_first_byte_tells_the_framing() {
        let framing = |mut first: &[u8]| {
            let mut deframer = Deframer::new();
            assert_eq!(deframer.framing(), None);
            deframer.next(&mut first).map(|_| ()).map(|()| deframer.framing())
        };
        assert_eq!(framing(b"\xc0"), Ok(Some(Framing::Slip)));
        assert_eq!(framing(b"/"), Ok(Some(Framing::Slip)));
        assert_eq!(framing(b"#bun"), Ok(Some(Framing::Slip)));
        assert_eq!(framing(b"\0"), Ok(Some(Framing::Length)));
        for other in [&b"GET / HTTP/1.1\r\n"[..], b"\xdb\xdc", b"\x01\0\0\0", b"\x16\x03\x01"] {
            assert_eq!(framing(other), Err(BadStream::Unknown));
        }
    }

    #[test]
    fn slip_frames_may_share_or_lack_an_end() {
        let frames = Ok(vec![b"/a\0\0".to_vec(), b"/b\0\0".to_vec()]);
        assert_eq!(read(b"\xc0/a\0\0\xc0\xc0/b\0\0\xc0"), frames);
        assert_eq!(read(b"\xc0/a\0\0\xc0/b\0\0\xc0"), frames);
        assert_eq!(read(b"/a\0\0\xc0/b\0\0\xc0"), frames);
        assert_eq!(read(b"\xc0\xc0\xc0/a\0\0\xc0\xc0\xc0/b\0\0\xc0\xc0"), frames);
    }

    #[test]
    fn lengths_that_cannot_be_are_errors_and_stay_so() {
        assert_eq!(read(b"\0\x08\0\x04"), Err(BadStream::Oversized));
        assert_eq!(read(b"\0\0\0\x06/a\0\0ab"), Err(BadStream::Size));
        assert_eq!(read(b"\0\0\0\x04/a\0\0\xff\xff\xff\xfc"), Err(BadStream::Oversized));
        let mut deframer = Deframer::new();
        for _ in 0..2 {
            let mut input = &b"\0\x7f\0\0"[..];
            assert_eq!(deframer.next(&mut input), Err(BadStream::Oversized));
        }
        assert_eq!(deframer.next(&mut &[][..]), Err(BadStream::Oversized));
    }

    #[test]
    fn the_largest_packet_passes_and_no_larger() {
        let largest = vec![b'/'; MAX_FRAME];
        let larger = vec![b'/'; MAX_FRAME + 4];
        for framing in [Framing::Slip, Framing::Length] {
            let mut out = Vec::new();
            frame(framing, &largest, &mut out);
            assert_eq!(read(&out), Ok(vec![largest.clone()]));
            out.clear();
            frame(framing, &larger, &mut out);
            assert_eq!(read(&out), Err(BadStream::Oversized));
        }
        // Without any END, and all of it escaped.
        assert_eq!(read(&vec![b'/'; 2 * MAX_FRAME]), Err(BadStream::Oversized));
        let escaped = b"\xc0".iter().chain(b"\xdb\xdc".iter().cycle().take(2 * MAX_FRAME + 4));
        let escaped: Vec<u8> = escaped.copied().collect();
        assert_eq!(read(&escaped), Err(BadStream::Oversized));
    }

    #[test]
    fn a_bad_escape_closes() {
        assert_eq!(read(b"\xc0/a\xdb\0"), Err(BadStream::Escape));
        assert_eq!(read(b"\xc0/a\xdb\xc0"), Err(BadStream::Escape));
    }

    #[test]
    fn a_cut_stream_is_noticed() {
        for (bytes, inside) in [
            (&b"\xc0/a\0\0\xc0"[..], false),
            (b"\xc0/a\0", true),
            (b"\0\0\0\x04/a\0\0", false),
            (b"\0\0\0\x04/a", true),
            (b"\0\0", true),
        ] {
            let mut deframer = Deframer::new();
            read_all(&mut deframer, bytes).unwrap();
            assert_eq!(deframer.is_inside(), inside);
        }
    }

    fn packets() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let byte = prop_oneof![any::<u8>(), Just(END), Just(ESC), Just(ESC_END)];
        let packet = prop::collection::vec(byte, 0..40).prop_map(|mut bytes| {
            bytes.insert(0, b'/');
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        });
        prop::collection::vec(packet, 1..8)
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_frames(
            packets in packets(),
            slip: bool,
            leading_end: bool,
            cuts in prop::collection::vec(1usize..20, 1..20),
        ) {
            let framing = if slip { Framing::Slip } else { Framing::Length };
            let mut bytes = Vec::new();
            for packet in &packets {
                frame(framing, packet, &mut bytes);
            }
            let mut rest = &bytes[usize::from(slip && !leading_end)..];
            let mut deframer = Deframer::new();
            let mut frames = Vec::new();
            for cut in cuts.iter().cycle() {
                let (piece, later) = rest.split_at((*cut).min(rest.len()));
                frames.extend(read_all(&mut deframer, piece).unwrap());
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(frames, packets);
            prop_assert_eq!(deframer.framing(), Some(framing));
            prop_assert!(!deframer.is_inside());
        }

        #[test]
        fn arbitrary_bytes_split_anywhere_read_the_same(
            bytes in prop::collection::vec(
                prop_oneof![any::<u8>(), Just(0), Just(0), Just(END), Just(ESC), Just(b'/')],
                0..200,
            ),
            cut in 0usize..200,
        ) {
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            let mut whole = Vec::new();
            let mut deframer = Deframer::new();
            let mut input = &bytes[..];
            let whole_end = loop {
                match deframer.next(&mut input) {
                    Ok(Some(frame)) => whole.push(frame.to_vec()),
                    Ok(None) => break Ok(()),
                    Err(bad) => break Err(bad),
                }
            };
            let mut split = Vec::new();
            let mut deframer = Deframer::new();
            let mut split_end = Ok(());
            for mut input in [first, second] {
                split_end = loop {
                    match deframer.next(&mut input) {
                        Ok(Some(frame)) => split.push(frame.to_vec()),
                        Ok(None) => break Ok(()),
                        Err(bad) => break Err(bad),
                    }
                };
            }
            prop_assert_eq!(whole, split);
            prop_assert_eq!(whole_end, split_end);
        }
    }
}
