//! Tablets that announce themselves, and who is on.

use super::bench::{Bench, SECOND, f, text};
use rosc::OscType;
use std::net::SocketAddr;

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// What `/clients` says: from where, role, name.
fn clients(bench: &mut Bench, desk: headroom_protocol::intent::ClientId) -> Vec<[OscType; 3]> {
    bench.send(desk, "/clients", &[]);
    let told = bench.heard(desk).into_iter().find(|h| h.0 == "/clients").expect("an answer").1;
    told.chunks_exact(3).map(|c| [c[0].clone(), c[1].clone(), c[2].clone()]).collect()
}

#[test]
fn a_tablet_that_announces_itself_is_told_changes_and_no_meters() {
    let mut bench = Bench::new();
    let desk = bench.client(1);
    let name = "iPad of Ada._osc._udp.local.";
    bench.hub.tablet(name, &[at("8.8.8.8:9000"), at("192.168.1.7:9000")], bench.now);
    let tablet = bench.hub.tablets[0].client;
    bench.play(1.0);
    bench.send(desk, "/ch/1/fader", &[f(-6.0)]);
    bench.run(2 * SECOND);
    assert_eq!(bench.heard(tablet), [("/ch/1/fader".to_owned(), vec![f(-6.0)])]);
    let on = clients(&mut bench, desk);
    assert!(on.contains(&[text("peer 192.168.1.7:9000"), text("engineer"), text("iPad of Ada")]), "{on:?}");
    assert!(on.contains(&[text("udp 127.0.0.1:1"), text("engineer"), text("")]), "{on:?}");
    // It says so again, and moves.
    bench.hub.tablet(name, &[at("192.168.1.7:9000")], bench.now);
    assert_eq!(clients(&mut bench, desk).len(), 2);
    bench.hub.tablet(name, &[at("192.168.1.8:9000")], bench.now);
    assert!(clients(&mut bench, desk).iter().any(|c| c[0] == text("peer 192.168.1.8:9000")));
    bench.hub.tablet_gone(name);
    assert_eq!(clients(&mut bench, desk).len(), 1);
}

#[test]
fn nobody_outside_becomes_a_peer_and_nobody_makes_many() {
    let mut bench = Bench::new();
    let desk = bench.client(1);
    bench.hub.tablet("far", &[at("8.8.8.8:9000")], bench.now);
    assert_eq!(clients(&mut bench, desk).len(), 1);
    // Who talks from there already is left as it is.
    bench.hub.tablet("self", &[at("127.0.0.1:1")], bench.now);
    assert_eq!(clients(&mut bench, desk).len(), 1);
    for n in 0..100 {
        bench.hub.tablet(&format!("many {n}"), &[at(&format!("192.168.1.9:{}", 9000 + n))], bench.now);
    }
    assert_eq!(clients(&mut bench, desk).len(), 1 + 4);
    for n in 0..100 {
        bench.hub.tablet(&format!("more {n}"), &[at(&format!("192.168.2.{n}:9000"))], bench.now);
    }
    // The first sixteen, and where the rest begins.
    bench.send(desk, "/clients", &[]);
    let told = bench.heard(desk).into_iter().find(|h| h.0 == "/clients").expect("an answer").1;
    assert_eq!((told.len(), told.last()), (16 * 3 + 1, Some(&OscType::Int(16))));
    bench.send(desk, "/clients", &[OscType::Int(64)]);
    let rest = bench.heard(desk).into_iter().find(|h| h.0 == "/clients").expect("an answer").1;
    assert_eq!(rest.len(), 3);
}
