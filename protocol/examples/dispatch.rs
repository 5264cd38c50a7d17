//! Prints how fast messages become intents on a console of 128 channels with 16 sends each.
//!
//! `cargo run --release -p headroom-protocol --example dispatch`

use headroom_dsp::graph::{GraphSpec, StripKind, StripSpec, chain_of, processor_names};
use headroom_dsp::tree::Tree;
use headroom_protocol::address::AddressSpace;
use headroom_protocol::intent::parse;
use headroom_protocol::osc::decode::{self, Packet};
use headroom_protocol::osc::encode::{Arg, Encoder};
use headroom_protocol::pattern::Pattern;
use std::hint::black_box;
use std::time::Instant;

const CHANNELS: usize = 128;
const BUSES: usize = 16;

fn strip(kind: StripKind, number: usize, id: String) -> StripSpec {
    let names: Vec<_> = processor_names().collect();
    StripSpec {
        kind,
        number,
        name: id.clone(),
        id,
        stereo: false,
        input: Vec::new(),
        output: None,
        chain: chain_of(&names, kind, kind.bands()).0,
        to: None,
        sends: Vec::new(),
        link: false,
        loudness: false,
    }
}

/// Best of ten rounds: nanoseconds for one item.
fn best(items: usize, mut round: impl FnMut()) -> f64 {
    let one = |round: &mut dyn FnMut()| {
        let begin = Instant::now();
        round();
        begin.elapsed().as_nanos() as f64 / items as f64
    };
    (0..10).map(|_| one(&mut round)).fold(f64::INFINITY, f64::min)
}

fn main() {
    let mut strips: Vec<_> = (1..=CHANNELS).map(|n| strip(StripKind::Channel, n, format!("input-{n}"))).collect();
    strips.extend((1..=BUSES).map(|n| strip(StripKind::Aux, n, format!("mix-{n}"))));
    for channel in strips.iter_mut().take(CHANNELS) {
        channel.sends = (CHANNELS..CHANNELS + BUSES).collect();
    }
    let spec = GraphSpec { strips, ..GraphSpec::default() };
    let tree = Tree::new(&spec);
    let begin = Instant::now();
    let space = AddressSpace::new(&spec, &tree);
    println!("{} parameters, space built in {:.1} ms", space.len(), begin.elapsed().as_secs_f64() * 1e3);

    // A stride that visits all parameters in an order no cache foresees.
    let order: Vec<_> = (0..space.len()).map(|i| i * 7919 % space.len()).collect();
    let params: Vec<_> = space.params().collect();
    for (name, addresses) in [
        ("by number", order.iter().map(|i| space.canonical(params[*i]).to_owned()).collect::<Vec<_>>()),
        ("by id", order.iter().map(|i| space.by_id(params[*i])).collect()),
    ] {
        let ns = best(addresses.len(), || {
            for address in &addresses {
                black_box(space.resolve(address));
            }
        });
        println!("resolve {name}: {ns:.1} ns");
        let packets: Vec<_> = addresses
            .iter()
            .map(|address| {
                let mut bytes = Vec::new();
                Encoder::new().message(address, [Arg::Float(0.25)], &mut bytes);
                bytes
            })
            .collect();
        let ns = best(packets.len(), || {
            for bytes in &packets {
                if let Ok(Packet::Message(message)) = decode::packet(bytes) {
                    let _ = black_box(parse(&message, &space));
                }
            }
        });
        println!("packet to intent {name}: {ns:.1} ns, {:.1} M/s", 1e3 / ns);
    }
    for text in ["/ch/*/fader", "/ch/*/send/*/level", "//fader", "//"] {
        let pattern = Pattern::parse(text).expect("a pattern");
        let found = space.targets(&pattern, usize::MAX).len();
        let us = best(1, || drop(black_box(space.targets(&pattern, usize::MAX)))) / 1e3;
        println!("{text}: {found} addresses in {us:.1} µs");
    }
    let us = best(1, || drop(black_box(space.explain("/ch/inptu-77/fader")))) / 1e3;
    println!("an unknown address explained in {us:.1} µs");
}
