//! A set at an exact address touches no allocator, from the packet to the intent.

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use headroom_dsp::graph::{GraphSpec, StripKind, StripSpec, chain_of};
use headroom_dsp::tree::Tree;
use headroom_protocol::address::AddressSpace;
use headroom_protocol::intent::{Intent, parse};
use headroom_protocol::osc::decode;
use headroom_protocol::osc::encode::{Arg, Encoder};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

#[test]
fn plain_sets_do_not_allocate() {
    let kind = StripKind::Channel;
    let strip = StripSpec {
        kind,
        number: 1,
        id: "kick".into(),
        name: "Kick".into(),
        stereo: false,
        input: Vec::new(),
        output: None,
        chain: chain_of(kind.default_chain(), kind, kind.bands()).0,
        to: None,
        sends: Vec::new(),
        link: false,
        loudness: false,
    };
    let spec = GraphSpec { strips: vec![strip], ..GraphSpec::default() };
    let space = AddressSpace::new(&spec, &Tree::new(&spec));
    let messages = [
        ("/ch/1/fader", [Arg::Float(-6.0)]),
        ("/ch/kick/hpf/freq", [Arg::Int(99)]),
        ("/ch/1/mute", [Arg::Bool(true)]),
        ("/ch/1/hpf/slope", [Arg::Double(17.0)]),
        ("/norm/ch/kick/pan", [Arg::Float(0.5)]),
        ("/ch/1/fader", [Arg::Float(99.0)]),
    ];
    let count = messages.len();
    let mut bytes = Vec::new();
    Encoder::new().bundle(1, messages, &mut bytes);

    let sets = assert_no_alloc(|| {
        let packet = decode::packet(&bytes).expect("a packet");
        packet.messages().filter(|(_, message)| matches!(parse(message, &space), Ok(Intent::Set(_)))).count()
    });
    assert_eq!(sets, count);
}
