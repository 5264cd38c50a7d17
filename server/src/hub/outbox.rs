//! What is to be sent, built in place in one buffer: messages, and bundles that fit a datagram.

use headroom_protocol::intent::ClientId;
use headroom_protocol::osc::encode::{Arg, Encoder};
use headroom_protocol::osc::time::IMMEDIATE;
use std::ops::Range;

/// Packets for clients, in order.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    packets: Vec<(ClientId, Range<usize>)>,
    encoder: Encoder,
}

/// A packet under construction at the end of the buffer: where it begins.
#[derive(Clone, Copy)]
pub(super) struct Begun(usize);

impl Outbox {
    /// Hands every packet over, in order, and forgets it.
    pub fn drain(&mut self, mut send: impl FnMut(ClientId, &[u8])) {
        for (to, range) in self.packets.drain(..) {
            send(to, &self.bytes[range]);
        }
        self.bytes.clear();
    }

    /// Packets that wait to be handed over.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether nothing waits to be handed over.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Begins a plain message.
    pub(super) fn message(&mut self, address: &str, args: impl IntoIterator<Item = Arg>) -> Begun {
        let begun = Begun(self.bytes.len());
        self.encoder.message(address, args, &mut self.bytes);
        begun
    }

    /// Begins a packet that is there already.
    pub(super) fn raw(&mut self, packet: &[u8]) -> Begun {
        let begun = Begun(self.bytes.len());
        self.bytes.extend_from_slice(packet);
        begun
    }

    /// Begins a bundle that takes effect at once.
    pub(super) fn bundle(&mut self) -> Begun {
        let begun = Begun(self.bytes.len());
        self.bytes.extend_from_slice(b"#bundle\0");
        self.bytes.extend_from_slice(&IMMEDIATE.to_be_bytes());
        begun
    }

    /// Adds a message to the bundle that was begun last. False, and nothing is added, where it would
    /// then be longer than `limit` and has an element already.
    pub(super) fn element(&mut self, begun: Begun, limit: usize, address: &str, args: impl IntoIterator<Item = Arg>) -> bool {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.encoder.message(address, args, &mut self.bytes);
        if self.bytes.len() - begun.0 > limit && before > begun.0 + 16 {
            self.bytes.truncate(before);
            return false;
        }
        let size = (self.bytes.len() - before - 4) as u32;
        self.bytes[before..before + 4].copy_from_slice(&size.to_be_bytes());
        true
    }

    /// Bytes of the packet that was begun last.
    pub(super) fn length(&self, begun: Begun) -> usize {
        self.bytes.len() - begun.0
    }

    /// Ends the packet that was begun last: it goes to this client.
    pub(super) fn commit(&mut self, begun: Begun, to: ClientId) {
        self.packets.push((to, begun.0..self.bytes.len()));
    }

    /// Drops the packet that was begun last.
    pub(super) fn cancel(&mut self, begun: Begun) {
        self.bytes.truncate(begun.0);
    }
}
