//! OSC packets as they arrive.
//!
//! [`packet`] checks a whole datagram or stream frame once and hands out views into it: no copy,
//! no allocation, no recursion deeper than [`MAX_DEPTH`], no panic. Whoever iterates meets no
//! error, because the iterators run the same steps as the check did.
//!
//! Accepted beyond the letter of OSC 1.0: a message that ends after its address (old senders
//! leave the type tags out when there is no argument), padding that is not zero, and UTF-8 in
//! addresses and text. A tag that nobody defined does not spoil a packet: it is an
//! [`Arg::Unknown`], the last argument of its message.

use std::fmt;

/// Bundles in bundles, the outermost counted, and arrays in arrays: no deeper than this.
pub const MAX_DEPTH: usize = 8;

const BUNDLE: &[u8; 8] = b"#bundle\0";

/// Why bytes are not an OSC packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A size that is zero or no multiple of four.
    Size,
    /// Something ends beyond the end of what holds it.
    Truncated,
    /// Neither an address (`/…`) nor `#bundle`.
    Address,
    /// What follows the address is not a type tag string (`,…`).
    Tags,
    /// Text that is not UTF-8, or a character that is none.
    Text,
    /// Array brackets that do not pair.
    Brackets,
    /// Bytes behind the last argument.
    Trailing,
    /// Bundles or arrays nested deeper than [`MAX_DEPTH`].
    Depth,
    /// A bundle that is due before the one that holds it.
    Time,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "size is zero or no multiple of four",
            Self::Truncated => "ends early",
            Self::Address => "neither an address nor a bundle",
            Self::Tags => "no type tags before the arguments",
            Self::Text => "text is not UTF-8",
            Self::Brackets => "array brackets do not pair",
            Self::Trailing => "bytes behind the last argument",
            Self::Depth => "nested too deep",
            Self::Time => "a bundle is due before the one that holds it",
        })
    }
}

impl std::error::Error for Malformed {}

/// One datagram, one stream frame or one element of a bundle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Packet<'a> {
    /// A single message.
    Message(Message<'a>),
    /// Messages and bundles that take effect together.
    Bundle(Bundle<'a>),
}

/// An address and its arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Message<'a> {
    /// Begins with `/`; may be a pattern. Otherwise unchecked: empty parts, blanks and so on are
    /// for those who look it up.
    pub address: &'a str,
    /// The arguments; none for a message that asks.
    pub args: Args<'a>,
    bytes: &'a [u8],
}

/// A time tag and the elements that fall due with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bundle<'a> {
    /// NTP time tag, see [`super::time`]; 0 and 1 mean at once.
    pub time: u64,
    elements: &'a [u8],
}

/// One argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arg<'a> {
    /// `i`
    Int(i32),
    /// `f`; may be NaN or infinite.
    Float(f32),
    /// `d`; may be NaN or infinite.
    Double(f64),
    /// `h`
    Long(i64),
    /// `s`, without its terminator.
    Str(&'a str),
    /// `S`, without its terminator.
    Symbol(&'a str),
    /// `b`
    Blob(&'a [u8]),
    /// `t`: an NTP time tag.
    Time(u64),
    /// `T` or `F`
    Bool(bool),
    /// `N`
    Nil,
    /// `I`
    Infinitum,
    /// `c`
    Char(char),
    /// `r`: red in the highest byte, alpha in the lowest.
    Rgba(u32),
    /// `m`: port, status, data 1, data 2.
    Midi([u8; 4]),
    /// `[`: what follows, up to the matching [`Arg::ArrayClose`], is one array.
    ArrayOpen,
    /// `]`
    ArrayClose,
    /// A tag that no OSC version defines. How long its data is cannot be known, so it is the
    /// last argument, and the message is to be refused.
    Unknown(u8),
}

/// Checks `bytes` as one whole packet.
///
/// # Errors
///
/// [`Malformed`], with the first reason met.
pub fn packet(bytes: &[u8]) -> Result<Packet<'_>, Malformed> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(4) {
        return Err(Malformed::Size);
    }
    let packet = Packet::read(bytes)?;
    packet.check(1, 0)?;
    Ok(packet)
}

impl<'a> Packet<'a> {
    /// All messages in the order of the packet, each with the time tag of the innermost bundle
    /// that holds it ([`super::time::IMMEDIATE`] outside of bundles).
    pub fn messages(&self) -> Messages<'a> {
        let empty = Elements { rest: &[] };
        let mut messages = Messages { single: None, open: [(0, empty); MAX_DEPTH], depth: 0 };
        match self {
            Self::Message(message) => messages.single = Some(*message),
            Self::Bundle(bundle) => messages.enter(bundle),
        }
        messages
    }

    /// Number of messages, those of inner bundles included.
    pub fn message_count(&self) -> usize {
        match self {
            Self::Message(_) => 1,
            Self::Bundle(bundle) => bundle.message_count(),
        }
    }

    /// The outermost layer of a packet whose size is a multiple of four.
    #[inline]
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        match bytes.first() {
            Some(b'/') => Message::read(bytes).map(Self::Message),
            Some(b'#') => Bundle::read(bytes).map(Self::Bundle),
            _ => Err(Malformed::Address),
        }
    }

    /// All inner layers, at `depth` bundles, none of them due before `outer`.
    fn check(&self, depth: usize, outer: u64) -> Result<(), Malformed> {
        let bundle = match self {
            Self::Message(message) => return message.check(),
            Self::Bundle(bundle) => bundle,
        };
        // 0 and 1 both mean at once, so neither comes before the other.
        let time = bundle.time.max(super::time::IMMEDIATE);
        if depth > MAX_DEPTH {
            return Err(Malformed::Depth);
        }
        if time < outer {
            return Err(Malformed::Time);
        }
        let mut elements = bundle.elements();
        while let Some(element) = elements.step()? {
            element.check(depth + 1, time)?;
        }
        Ok(())
    }
}

impl<'a> Message<'a> {
    /// The message as it arrived; sent back, it is an exact echo.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (address, rest) = terminated(bytes)?;
        let address = text(address)?;
        let (tags, data) = match rest.first() {
            None => (&[][..], rest),
            Some(_) => match terminated(rest)? {
                ([b',', tags @ ..], data) => (tags, data),
                // An empty tag string in place of "," is the same slip as none.
                ([], []) => (&[][..], &[][..]),
                _ => return Err(Malformed::Tags),
            },
        };
        let args = Args { tags, data };
        Ok(Self { address, args, bytes })
    }

    fn check(&self) -> Result<(), Malformed> {
        let mut args = self.args;
        let mut open = 0;
        while let Some(arg) = args.step()? {
            match arg {
                Arg::ArrayOpen if open == MAX_DEPTH => return Err(Malformed::Depth),
                Arg::ArrayOpen => open += 1,
                Arg::ArrayClose if open == 0 => return Err(Malformed::Brackets),
                Arg::ArrayClose => open -= 1,
                Arg::Unknown(_) => return Ok(()),
                _ => {}
            }
        }
        if open > 0 {
            return Err(Malformed::Brackets);
        }
        if !args.data.is_empty() {
            return Err(Malformed::Trailing);
        }
        Ok(())
    }
}

impl<'a> Bundle<'a> {
    /// The messages and bundles directly in this one.
    pub fn elements(&self) -> Elements<'a> {
        Elements { rest: self.elements }
    }

    /// Number of messages, those of inner bundles included.
    pub fn message_count(&self) -> usize {
        let mut elements = self.elements();
        let mut count = 0;
        while let Ok(Some(bytes)) = elements.split() {
            count += match Bundle::read(bytes) {
                Ok(inner) => inner.message_count(),
                Err(_) => 1,
            };
        }
        count
    }

    #[inline]
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let rest = bytes.strip_prefix(BUNDLE).ok_or(Malformed::Address)?;
        let (time, elements) = rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Self { time: u64::from_be_bytes(*time), elements })
    }
}

/// The elements of one bundle, in order.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// The bytes of the next element.
    #[inline]
    fn split(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (size, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        let size = u32::from_be_bytes(*size) as usize;
        if size == 0 || !size.is_multiple_of(4) {
            return Err(Malformed::Size);
        }
        let (element, rest) = rest.split_at_checked(size).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(Some(element))
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Packet<'a>>, Malformed> {
        self.split()?.map(Packet::read).transpose()
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Packet<'a>;

    #[inline]
    fn next(&mut self) -> Option<Packet<'a>> {
        self.step().ok().flatten()
    }
}

/// The messages of a packet, see [`Packet::messages`].
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    single: Option<Message<'a>>,
    /// Bundles begun and not finished, the outermost first.
    open: [(u64, Elements<'a>); MAX_DEPTH],
    depth: usize,
}

impl<'a> Messages<'a> {
    fn enter(&mut self, bundle: &Bundle<'a>) {
        if let Some(slot) = self.open.get_mut(self.depth) {
            *slot = (bundle.time, bundle.elements());
            self.depth += 1;
        }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = (u64, Message<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(message) = self.single.take() {
            return Some((super::time::IMMEDIATE, message));
        }
        loop {
            let (time, elements) = self.open.get_mut(self.depth.checked_sub(1)?)?;
            match elements.next() {
                Some(Packet::Message(message)) => return Some((*time, message)),
                Some(Packet::Bundle(bundle)) => self.enter(&bundle),
                None => self.depth -= 1,
            }
        }
    }
}

/// The arguments of one message, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Args<'a> {
    tags: &'a [u8],
    data: &'a [u8],
}

impl<'a> Args<'a> {
    /// The type tags not yet read, without the comma.
    pub fn tags(&self) -> &'a [u8] {
        self.tags
    }

    /// Whether no argument is left.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Arg<'a>>, Malformed> {
        let Some((&tag, tags)) = self.tags.split_first() else {
            return Ok(None);
        };
        self.tags = tags;
        let arg = match tag {
            b'f' => Arg::Float(f32::from_be_bytes(self.take()?)),
            b'i' => Arg::Int(i32::from_be_bytes(self.take()?)),
            b's' => Arg::Str(self.take_text()?),
            b'b' => Arg::Blob(self.take_blob()?),
            b'T' => Arg::Bool(true),
            b'F' => Arg::Bool(false),
            b'd' => Arg::Double(f64::from_be_bytes(self.take()?)),
            b'h' => Arg::Long(i64::from_be_bytes(self.take()?)),
            b't' => Arg::Time(u64::from_be_bytes(self.take()?)),
            b'S' => Arg::Symbol(self.take_text()?),
            b'N' => Arg::Nil,
            b'I' => Arg::Infinitum,
            b'c' => {
                let code = u32::from_be_bytes(self.take()?);
                Arg::Char(char::from_u32(code).ok_or(Malformed::Text)?)
            }
            b'r' => Arg::Rgba(u32::from_be_bytes(self.take()?)),
            b'm' => Arg::Midi(self.take()?),
            b'[' => Arg::ArrayOpen,
            b']' => Arg::ArrayClose,
            other => {
                self.tags = &[];
                Arg::Unknown(other)
            }
        };
        Ok(Some(arg))
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.data.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.data = rest;
        Ok(*bytes)
    }

    #[inline]
    fn take_text(&mut self) -> Result<&'a str, Malformed> {
        let (bytes, rest) = terminated(self.data)?;
        self.data = rest;
        text(bytes)
    }

    #[inline]
    fn take_blob(&mut self) -> Result<&'a [u8], Malformed> {
        let size = u32::from_be_bytes(self.take()?) as usize;
        let (blob, rest) = self.data.split_at_checked(size).ok_or(Malformed::Truncated)?;
        // Whole words remain, so the padding is there.
        self.data = rest.get(rest.len() % 4..).unwrap_or_default();
        Ok(blob)
    }
}

impl<'a> Iterator for Args<'a> {
    type Item = Arg<'a>;

    #[inline]
    fn next(&mut self) -> Option<Arg<'a>> {
        self.step().ok().flatten()
    }
}

/// Splits whole words into the bytes before the first zero and the words behind its own.
#[inline]
fn terminated(data: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    const ONES: u32 = 0x0101_0101;
    for (index, word) in data.as_chunks::<4>().0.iter().enumerate() {
        let word = u32::from_le_bytes(*word);
        // The lowest bit set marks the first zero byte; those above it may err.
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            let (head, rest) = data.split_at(4 * index + 4);
            let end = 4 * index + zeros.trailing_zeros() as usize / 8;
            return Ok((head.get(..end).unwrap_or_default(), rest));
        }
    }
    Err(Malformed::Truncated)
}

#[inline]
fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed::Text)
}

#[cfg(test)]
mod tests;
