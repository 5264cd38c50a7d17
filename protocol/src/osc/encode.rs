//! Messages and bundles to bytes, by `rosc`, appended to buffers that are used again.
//!
//! [`Encoder`] writes single messages and bundles; [`Packer`] turns a run of messages of any
//! length into bundles that fit a datagram.

use std::mem;

use rosc::{OscArray, OscBundle, OscMessage, OscPacket, encoder};

use super::decode;
use super::time::IMMEDIATE;

/// An owned argument: `f32`, `i32`, `bool`, `String`, `&str` and `Vec<u8>` convert into it.
pub use rosc::OscType as Arg;

/// Largest bundle of a batch, in bytes: with IP and UDP headers it passes Ethernet, Wi-Fi and
/// the usual tunnels in one piece.
pub const DATAGRAM: usize = 1_400;

/// `#bundle`, its terminator and the time tag.
const BUNDLE_HEADER: usize = 16;

/// Appends messages to buffers; keeps its scratch space between calls.
#[derive(Debug, Default)]
pub struct Encoder {
    address: String,
    args: Vec<Arg>,
}

impl Encoder {
    /// An encoder with no scratch space yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one message to `out`.
    ///
    /// OSC ends text at a zero, so address and text arguments are cut before one.
    pub fn message(&mut self, address: &str, args: impl IntoIterator<Item = Arg>, out: &mut Vec<u8>) {
        self.address.clear();
        self.address.push_str(until_zero(address));
        self.args.clear();
        self.args.extend(args);
        self.args.iter_mut().for_each(cut_at_zero);

        let packet = OscPacket::Message(OscMessage { addr: mem::take(&mut self.address), args: mem::take(&mut self.args) });
        let Ok(_) = encoder::encode_into(&packet, out);
        if let OscPacket::Message(message) = packet {
            self.address = message.addr;
            self.args = message.args;
        }
    }

    /// Appends one bundle of messages to `out`, whatever its size; `time` is an NTP time tag.
    pub fn bundle<'a, A>(&mut self, time: u64, messages: impl IntoIterator<Item = (&'a str, A)>, out: &mut Vec<u8>)
    where
        A: IntoIterator<Item = Arg>,
    {
        begin_bundle(time, out);
        for (address, args) in messages {
            self.element(address, args, out);
        }
    }

    /// Appends one message with its size in front.
    fn element(&mut self, address: &str, args: impl IntoIterator<Item = Arg>, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0; 4]);
        self.message(address, args, out);
        if let Some((size, message)) = out[start..].split_first_chunk_mut() {
            // Below 4 GiB: a message is made of one command's values.
            *size = (message.len() as u32).to_be_bytes();
        }
    }
}

/// Packs messages, in order, into bundles of [`DATAGRAM`] bytes at most.
///
/// A message that does not fit a bundle even alone is sent as a plain message.
#[derive(Debug)]
pub struct Packer {
    encoder: Encoder,
    bundle: Vec<u8>,
    limit: usize,
}

impl Default for Packer {
    fn default() -> Self {
        Self::new(DATAGRAM)
    }
}

impl Packer {
    /// A packer of bundles that take effect at once and hold at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        let mut bundle = Vec::with_capacity(limit);
        begin_bundle(IMMEDIATE, &mut bundle);
        Self { encoder: Encoder::new(), bundle, limit }
    }

    /// Adds a message; what is full goes to `send`, one packet a call.
    pub fn push(&mut self, address: &str, args: impl IntoIterator<Item = Arg>, mut send: impl FnMut(&[u8])) {
        let start = self.bundle.len();
        self.encoder.element(address, args, &mut self.bundle);
        if self.bundle.len() <= self.limit {
            return;
        }
        if start > BUNDLE_HEADER {
            send(&self.bundle[..start]);
            self.bundle.drain(BUNDLE_HEADER..start);
        }
        if self.bundle.len() > self.limit {
            send(&self.bundle[BUNDLE_HEADER + 4..]);
            self.bundle.truncate(BUNDLE_HEADER);
        }
    }

    /// Sends what is left, if anything, and is ready for the next batch.
    pub fn finish(&mut self, mut send: impl FnMut(&[u8])) {
        if self.bundle.len() > BUNDLE_HEADER {
            send(&self.bundle);
            self.bundle.truncate(BUNDLE_HEADER);
        }
    }
}

/// The arguments of a message that arrived, to be kept or sent on. A symbol becomes text.
///
/// `None` if one of them has a tag that no OSC version defines.
pub fn owned(mut args: decode::Args<'_>) -> Option<Vec<Arg>> {
    until_close(&mut args)
}

/// Arguments up to the end or the bracket that closes this array. The decoder limits the depth.
fn until_close(args: &mut decode::Args<'_>) -> Option<Vec<Arg>> {
    let mut owned = Vec::new();
    while let Some(arg) = args.next() {
        owned.push(match arg {
            decode::Arg::Int(value) => Arg::Int(value),
            decode::Arg::Float(value) => Arg::Float(value),
            decode::Arg::Double(value) => Arg::Double(value),
            decode::Arg::Long(value) => Arg::Long(value),
            decode::Arg::Str(text) | decode::Arg::Symbol(text) => Arg::from(text),
            decode::Arg::Blob(bytes) => Arg::Blob(bytes.to_vec()),
            decode::Arg::Time(tag) => Arg::Time(split_time(tag)),
            decode::Arg::Bool(value) => Arg::Bool(value),
            decode::Arg::Nil => Arg::Nil,
            decode::Arg::Infinitum => Arg::Inf,
            decode::Arg::Char(value) => Arg::Char(value),
            decode::Arg::Rgba(value) => {
                let [red, green, blue, alpha] = value.to_be_bytes();
                Arg::Color(rosc::OscColor { red, green, blue, alpha })
            }
            decode::Arg::Midi([port, status, data1, data2]) => Arg::Midi(rosc::OscMidiMessage { port, status, data1, data2 }),
            decode::Arg::ArrayOpen => Arg::Array(OscArray { content: until_close(args)? }),
            decode::Arg::ArrayClose => break,
            decode::Arg::Unknown(_) => return None,
        });
    }
    Some(owned)
}

fn begin_bundle(time: u64, out: &mut Vec<u8>) {
    let empty = OscPacket::Bundle(OscBundle { timetag: split_time(time), content: Vec::new() });
    let Ok(_) = encoder::encode_into(&empty, out);
}

/// A time tag as rosc holds it: seconds and fraction apart.
fn split_time(tag: u64) -> rosc::OscTime {
    rosc::OscTime { seconds: (tag >> 32) as u32, fractional: tag as u32 }
}

fn until_zero(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}

fn cut_at_zero(arg: &mut Arg) {
    match arg {
        Arg::String(text) => text.truncate(until_zero(text).len()),
        Arg::Array(array) => array.content.iter_mut().for_each(cut_at_zero),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::osc::decode::{self, Packet, packet};
    use proptest::prelude::*;

    #[test]
    fn the_specification_s_own_messages() {
        let mut out = Vec::new();
        let mut encoder = Encoder::new();
        encoder.message("/oscillator/4/frequency", [Arg::Float(440.0)], &mut out);
        assert_eq!(out, b"/oscillator/4/frequency\0,f\0\0\x43\xdc\0\0");

        out.clear();
        let args: [Arg; 5] = [1000.into(), (-1).into(), "hello".into(), 1.234_f32.into(), 5.678_f32.into()];
        encoder.message("/foo", args, &mut out);
        assert_eq!(out, b"/foo\0\0\0\0,iisff\0\0\0\0\x03\xe8\xff\xff\xff\xffhello\0\0\0\x3f\x9d\xf3\xb6\x40\xb5\xb2\x2d");
    }

    #[test]
    fn messages_are_appended() {
        let mut out = b"kept".to_vec();
        Encoder::new().message("/ping", [], &mut out);
        assert_eq!(out, b"kept/ping\0\0\0,\0\0\0");
    }

    #[test]
    fn a_zero_in_text_ends_it() {
        let mut out = Vec::new();
        let array = OscArray { content: vec![Arg::from("in\0side")] };
        Encoder::new().message("/a\0b", [Arg::from("Kick\0drum"), Arg::Array(array)], &mut out);
        assert_eq!(out, b"/a\0\0,s[s]\0\0\0Kick\0\0\0\0in\0\0");
    }

    #[test]
    fn a_bundle_holds_its_messages_in_order() {
        let mut out = Vec::new();
        let messages = [("/ch/1/fader", [Arg::Float(-6.0)]), ("/ch/2/mute", [Arg::Int(1)])];
        Encoder::new().bundle(7 << 32, messages, &mut out);
        let read: Vec<_> = packet(&out)
            .unwrap()
            .messages()
            .map(|(time, message)| (time, message.address, message.args.collect::<Vec<_>>()))
            .collect();
        assert_eq!(
            read,
            [(7 << 32, "/ch/1/fader", vec![decode::Arg::Float(-6.0)]), (7 << 32, "/ch/2/mute", vec![decode::Arg::Int(1)]),]
        );
    }

    #[test]
    fn a_message_larger_than_a_datagram_goes_alone_and_in_its_place() {
        let mut sent = Vec::new();
        let mut packer = Packer::default();
        for (address, size) in [("/a", 10), ("/large", 3_000), ("/b", 10)] {
            packer.push(address, [Arg::Blob(vec![1; size])], |packet| {
                sent.push(packet.to_vec());
            });
        }
        packer.finish(|packet| sent.push(packet.to_vec()));
        packer.finish(|_| panic!("nothing is left to send"));
        assert_eq!(sent.len(), 3);
        assert!(matches!(packet(&sent[0]), Ok(Packet::Bundle(_))));
        let Ok(Packet::Message(large)) = packet(&sent[1]) else {
            panic!("the large message is plain");
        };
        assert_eq!(large.address, "/large");
        assert!(matches!(packet(&sent[2]), Ok(Packet::Bundle(_))));
    }

    proptest! {
        #[test]
        fn packing_keeps_every_message_and_the_limit(
            sizes in prop::collection::vec(0usize..600, 0..60),
        ) {
            let mut sent: Vec<Vec<u8>> = Vec::new();
            let mut packer = Packer::default();
            for (index, size) in sizes.iter().enumerate() {
                let args = [Arg::Int(index as i32), Arg::Blob(vec![7; *size])];
                packer.push("/x", args, |packet| sent.push(packet.to_vec()));
            }
            packer.finish(|packet| sent.push(packet.to_vec()));

            let mut read = Vec::new();
            for bytes in &sent {
                prop_assert!(bytes.len() <= DATAGRAM);
                for (_, message) in packet(bytes).unwrap().messages() {
                    let args: Vec<_> = message.args.collect();
                    if let [decode::Arg::Int(index), decode::Arg::Blob(blob)] = args[..] {
                        read.push((index as usize, blob.len()));
                    }
                }
            }
            let pushed: Vec<_> = sizes.iter().copied().enumerate().collect();
            prop_assert_eq!(read, pushed);
            for pair in sent.windows(2) {
                let (_, first) = packet(&pair[1]).unwrap().messages().next().unwrap();
                prop_assert!(pair[0].len() + 4 + first.as_bytes().len() > DATAGRAM, "room was left");
            }
        }
    }
}
