//! A console for the tests of surfaces: what a hub would tell and carry out, in a few lines.

use super::remote::Remote;
use crate::address::testing::large;
use crate::coerce;
use crate::osc::encode::{Arg, Encoder};
use headroom_dsp::graph::{GraphSpec, StripKind};
use headroom_dsp::param::{Access, Value};
use headroom_dsp::tree::{ParamId, Tree};
use std::sync::Arc;

/// A remote of a console that told all its values.
pub fn remote(spec: GraphSpec) -> Remote {
    let tree = Arc::new(Tree::new(&spec));
    let mut remote = Remote::new(Arc::new(spec), tree.clone(), 48_000.0);
    for (at, entry) in tree.entries().iter().enumerate() {
        if entry.decl.access == Access::Write {
            told(&mut remote, ParamId(at as u32), &entry.default);
        }
    }
    remote.take_moved();
    remote
}

/// A remote of 20 channels, 6 auxes, main and 8 DCAs.
pub fn stage() -> Remote {
    let mut spec = large(20, 6);
    assert_eq!(spec.strips.pop().map(|s| s.kind), Some(StripKind::Main));
    let plain = |kind: StripKind| kind.default_chain().to_vec();
    for strip in &mut spec.strips {
        strip.chain = headroom_dsp::graph::chain_of(&plain(strip.kind), strip.kind, strip.kind.bands()).0;
    }
    let mut main = crate::address::testing::strip(StripKind::Main, 1, "main", true);
    main.chain = headroom_dsp::graph::chain_of(&plain(StripKind::Main), StripKind::Main, 6).0;
    spec.strips.push(main);
    remote(spec)
}

/// The hub tells a value.
pub fn told(remote: &mut Remote, id: ParamId, value: &Value) {
    let mut packet = Vec::new();
    let arg = coerce::answer(remote.decl(id), value);
    let address = remote.space().canonical(id).to_owned();
    Encoder::new().message(&address, [arg], &mut packet);
    remote.told(&packet);
}

/// The hub tells what stands at an address.
pub fn tells(remote: &mut Remote, address: &str, arg: Arg) {
    let mut packet = Vec::new();
    Encoder::new().message(address, [arg], &mut packet);
    remote.told(&packet);
}

/// The value at an address.
pub fn value(remote: &Remote, address: &str) -> f64 {
    let id = remote.space().resolve(address).unwrap_or_else(|| panic!("no {address}"));
    remote.value(id).unwrap_or_else(|| panic!("{address} was not told")).as_f64()
}

/// What was wished since the last time: addresses and first numbers.
pub fn wishes(remote: &mut Remote) -> Vec<(String, Option<f64>)> {
    use crate::osc::decode::{Arg as Told, Packet, packet};
    let read = |bytes: Vec<u8>| {
        let Ok(Packet::Message(message)) = packet(&bytes) else { panic!("a message") };
        let number = { message.args }.next().and_then(|arg| match arg {
            Told::Float(x) => Some(f64::from(x)),
            Told::Int(i) => Some(f64::from(i)),
            _ => None,
        });
        (message.address.to_owned(), number)
    };
    remote.take_wishes().into_iter().map(read).collect()
}

/// Bytes that look random and are the same each time.
pub struct Noise(pub u32);

impl Noise {
    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let next = |_| {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 24) as u8
        };
        (0..count).map(next).collect()
    }
}
