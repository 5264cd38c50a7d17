//! Consoles for tests.

use super::AddressSpace;
use headroom_dsp::graph::{GraphSpec, GroupSpec, StripKind, StripSpec, chain_of, processor_names};
use headroom_dsp::tree::Tree;
use proptest::prelude::*;

/// A strip with a chain of all processors that there are.
pub fn strip(kind: StripKind, number: usize, id: &str, stereo: bool) -> StripSpec {
    let names: Vec<_> = processor_names().collect();
    StripSpec {
        kind,
        number,
        id: id.into(),
        name: id.to_uppercase(),
        stereo,
        input: Vec::new(),
        output: None,
        chain: chain_of(&names, kind, kind.bands()).0,
        to: None,
        sends: Vec::new(),
        link: false,
        loudness: false,
    }
}

fn group(id: &str) -> GroupSpec {
    GroupSpec { id: id.into(), name: id.to_uppercase() }
}

/// Kick (mono), keys (stereo), an aux `wedge-1`, an effect `plate`, a matrix `lobby`, main, monitor, a
/// DCA `band`, a mute group `drums`. Both channels send to both buses, main to the matrix.
pub fn stage() -> GraphSpec {
    let mut strips = vec![
        strip(StripKind::Channel, 1, "kick", false),
        strip(StripKind::Channel, 2, "keys", true),
        strip(StripKind::Aux, 1, "wedge-1", false),
        strip(StripKind::Fx, 2, "plate", true),
        strip(StripKind::Matrix, 1, "lobby", false),
        strip(StripKind::Main, 1, "main", true),
        strip(StripKind::Monitor, 1, "monitor", true),
    ];
    strips[0].sends = vec![2, 3];
    strips[1].sends = vec![2, 3];
    strips[5].sends = vec![4];
    GraphSpec { strips, dcas: vec![group("band")], mute_groups: vec![group("drums")], ..GraphSpec::default() }
}

/// `channels` strips that send to each of `buses` auxes.
pub fn large(channels: usize, buses: usize) -> GraphSpec {
    let mut strips: Vec<_> = (1..=channels).map(|n| strip(StripKind::Channel, n, &format!("input-{n}"), false)).collect();
    strips.extend((1..=buses).map(|n| strip(StripKind::Aux, n, &format!("mix-{n}"), true)));
    strips.push(strip(StripKind::Main, 1, "main", true));
    for channel in strips.iter_mut().take(channels) {
        channel.sends = (channels..channels + buses).collect();
    }
    let dcas = (1..=8).map(|n| group(&format!("dca-{n}"))).collect();
    GraphSpec { strips, dcas, ..GraphSpec::default() }
}

/// The address space of a console.
pub fn space(spec: &GraphSpec) -> AddressSpace {
    AddressSpace::new(spec, &Tree::new(spec))
}

/// Consoles of any size and make, with ids that look like numbers of other things.
pub fn any_spec() -> impl Strategy<Value = GraphSpec> {
    let odd = prop::sample::select(vec!["m1", "m2", "meter", "norm", "ch", "eq", "2", "a b", "x*", "é"]);
    let strips = prop::collection::vec((0..5usize, any::<bool>(), prop::option::weighted(0.2, odd), any::<u32>()), 0..12);
    (strips, any::<bool>(), 0..3usize, 0..3usize).prop_map(|(wanted, monitor, dcas, mutes)| {
        let kinds = [StripKind::Channel, StripKind::Group, StripKind::Aux, StripKind::Fx, StripKind::Matrix];
        let mut spec = GraphSpec::default();
        for kind in kinds {
            for (i, (_, stereo, odd, chain)) in wanted.iter().enumerate().filter(|(_, w)| kinds[w.0] == kind) {
                let number = 1 + spec.strips.iter().filter(|s| s.kind.address() == kind.address()).count();
                let odd = odd.filter(|id| spec.by_id(id).is_none());
                let mut strip = strip(kind, number, odd.unwrap_or(&format!("{}-{i}", kind.address())), *stereo);
                let mut bit = 0;
                strip.chain.retain(|_| {
                    bit += 1;
                    chain >> (bit % 32) & 1 == 1
                });
                spec.strips.push(strip);
            }
        }
        spec.strips.push(strip(StripKind::Main, 1, "main", true));
        if monitor {
            spec.strips.push(strip(StripKind::Monitor, 1, "monitor", true));
        }
        for at in 0..spec.strips.len() {
            let from = spec.strips[at].kind;
            let takes = |kind: StripKind| match from {
                StripKind::Channel => kind.is_bus(),
                StripKind::Matrix | StripKind::Monitor => false,
                _ => kind == StripKind::Matrix,
            };
            spec.strips[at].sends = (0..spec.strips.len()).filter(|to| takes(spec.strips[*to].kind)).collect();
        }
        spec.dcas = (0..dcas).map(|n| group(&format!("dca-{n}"))).collect();
        spec.mute_groups = (0..mutes).map(|n| group(&format!("mutes-{n}"))).collect();
        spec
    })
}
