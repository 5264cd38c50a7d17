//! The ground that the other tests stand on: jackd and its tools work here.

use headroom_e2e::{Jackd, Peer, eventually, isolated, peak};

#[test]
fn a_server_of_our_own_answers_and_carries_sound() {
    isolated(|| {
        let jackd = Jackd::start(48_000, 256);
        assert!(jackd.lsp(&[]).contains("system:playback_2"));
        let peer = Peer::open("peer", vec![0.5; 64]);
        peer.connect(&peer.out(), &peer.input());
        peer.record();
        eventually("the sound comes round", || peak(&peer.recorded()) == 0.5);
        assert_eq!(jackd.connections("peer:out"), ["peer:in"]);
    });
}

#[test]
fn the_next_server_takes_the_place_of_a_killed_one() {
    isolated(|| {
        Jackd::start(48_000, 256).kill();
        let jackd = Jackd::start(44_100, 128);
        assert!(jackd.lsp(&[]).contains("system:capture_1"));
    });
}
