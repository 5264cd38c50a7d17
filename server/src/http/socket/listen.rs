//! What a client of OSCQuery listens to, out of what the hub sends.

use headroom_protocol::address::is_named_only;
use headroom_protocol::osc::decode::{self, Packet};
use headroom_protocol::osc::encode::{self, Encoder};
use std::collections::HashMap;

/// Nodes that are listened to at a time.
const NODES: usize = 16_384;

/// The hub tells every value to a client that listens, and this lets through what it listens to. So any number of nodes
/// are one subscription. Meters and figures are subscribed to one by one, since the hub tells them only to who names them.
#[derive(Default)]
pub struct Listening {
    /// What is listened to, and whether its present value, which `LISTEN` does not ask for, is still to come.
    nodes: HashMap<String, bool>,
    /// All values are subscribed to, and whether they were told once.
    all: Option<bool>,
    /// The client subscribes by itself: it gets everything as it is.
    subscribes: bool,
}

fn message(address: &str, pattern: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoder::new().message(address, [encode::Arg::from(pattern)], &mut bytes);
    bytes
}

impl Listening {
    /// Begins to listen; the packet that the hub is to get for it.
    pub fn listen(&mut self, path: String) -> Option<Vec<u8>> {
        if self.nodes.len() >= NODES || path.contains(|c: char| "*?[]{}, #".contains(c)) || path.contains("//") {
            return None;
        }
        let named = is_named_only(&path);
        let packet = match (named, self.all) {
            (true, _) => Some(message("/subscribe", &path)),
            (false, None) => {
                self.all = Some(false);
                Some(message("/subscribe", "//"))
            }
            (false, Some(_)) => None,
        };
        self.nodes.insert(path, named);
        packet
    }

    /// Ends to listen.
    pub fn ignore(&mut self, path: &str) -> Option<Vec<u8>> {
        self.nodes.remove(path)?;
        is_named_only(path).then(|| message("/unsubscribe", path))
    }

    /// Takes note of what the client sends itself.
    pub fn sent(&mut self, bytes: &[u8]) {
        if self.subscribes {
            return;
        }
        if let Ok(packet) = decode::packet(bytes) {
            // Answers to patterns come as batches do.
            let batches = |address: &str| {
                address == "/subscribe" || address == "/sync" || address.contains(['*', '?', '[', '{']) || address.contains("//")
            };
            self.subscribes = packet.messages().any(|(_, m)| batches(m.address));
        }
    }

    /// What of a packet of the hub goes to the client.
    pub fn pass(&mut self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        if self.subscribes || self.nodes.is_empty() && self.all.is_none() {
            return vec![bytes];
        }
        let packet = match decode::packet(&bytes) {
            Ok(packet @ Packet::Bundle(_)) => packet,
            // What answers the subscriptions made here.
            Ok(Packet::Message(message)) if ["/rev", "/subscribe", "/unsubscribe"].contains(&message.address) => {
                return Vec::new();
            }
            // An answer to the client.
            _ => return vec![bytes],
        };
        let mut passed = Vec::new();
        for (_, message) in packet.messages() {
            if message.address == "/rev" {
                self.all = self.all.map(|_| true);
                continue;
            }
            let is_told = self.all == Some(true) || is_named_only(message.address);
            match self.nodes.get_mut(message.address) {
                Some(present) if *present => *present = false,
                Some(_) if is_told => passed.push(message.as_bytes().to_vec()),
                _ => {}
            }
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(all: &[(&str, f32)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let messages = all.iter().map(|(address, x)| (*address, vec![encode::Arg::Float(*x)]));
        Encoder::new().bundle(1, messages, &mut bytes);
        bytes
    }

    fn passed(listening: &mut Listening, all: &[(&str, f32)]) -> Vec<String> {
        let packets = listening.pass(batch(all));
        packets.iter().map(|p| decode::packet(p).unwrap().messages().next().unwrap().1.address.to_owned()).collect()
    }

    #[test]
    fn changes_of_what_is_listened_to_come_alone_and_the_present_values_do_not() {
        let mut listening = Listening::default();
        assert!(listening.listen("/ch/1/fader".into()).is_some());
        assert!(listening.listen("/ch/2/fader".into()).is_none(), "one subscription is enough");
        assert!(listening.listen("/ch/1/meter/in".into()).is_some());
        assert!(listening.listen("/ch/*/fader".into()).is_none());
        let none: [&str; 0] = [];
        assert_eq!(
            passed(&mut listening, &[("/ch/1/fader", 0.0), ("/ch/2/fader", 0.0), ("/ch/1/meter/in", -9.0), ("/rev", 0.0)]),
            none
        );
        let now = [("/ch/1/fader", -6.0), ("/ch/3/fader", 0.0), ("/ch/1/meter/in", -8.0), ("/rev", 0.0)];
        assert_eq!(passed(&mut listening, &now), ["/ch/1/fader", "/ch/1/meter/in"]);
        listening.ignore("/ch/1/fader");
        assert_eq!(passed(&mut listening, &now), ["/ch/1/meter/in"]);
        assert!(listening.pass(message("/subscribe", "//")).is_empty());
        assert_eq!(listening.pass(message("/ping", "")).len(), 1);
    }

    #[test]
    fn who_subscribes_gets_everything_as_it_is() {
        let mut listening = Listening::default();
        listening.listen("/ch/1/fader".into());
        listening.sent(&message("/subscribe", "//"));
        let packet = batch(&[("/ch/9/pan", 1.0), ("/rev", 0.0)]);
        assert_eq!(listening.pass(packet.clone()), [packet]);
    }
}
