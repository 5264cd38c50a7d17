//! Who is served, and with how much.

use super::bench::{Bench, SECOND, f, message};
use proptest::prelude::*;
use rosc::{OscMessage, OscPacket, OscType};

#[test]
fn outside_of_the_allowed_networks_there_is_nobody() {
    let mut bench = Bench::new();
    for outside in ["8.8.8.8:9000", "192.169.0.1:1", "[2001:db8::1]:1", "[::ffff:8.8.8.8]:1"] {
        assert_eq!(bench.stranger(outside), None);
    }
    for inside in ["127.0.0.1:1", "10.1.2.3:1", "172.31.0.1:1", "192.168.7.7:1", "169.254.1.1:1", "100.64.0.1:1"] {
        assert!(bench.stranger(inside).is_some());
    }
    for inside in ["[::1]:1", "[fd00::1]:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1"] {
        assert!(bench.stranger(inside).is_some());
    }
    assert_eq!(bench.hub.counters().refused, 4);
}

#[test]
fn answers_have_a_limit_and_subscriptions_do_not() {
    let channels: String = (0..64).map(|n| format!("[[channel]]\nname = \"c{n}\"\n")).collect();
    let mut bench = Bench::of(&format!("{channels}[main]\n"));
    let one = bench.client(1);
    let bytes = |bench: &mut Bench| bench.sent.drain(..).map(|s| s.1).sum::<usize>();
    bench.run(SECOND);
    bytes(&mut bench);
    for _ in 0..10 {
        bench.send(one, "//", &[]);
    }
    let first = bytes(&mut bench);
    assert!((60_000..=65_536).contains(&first), "{first}");
    assert!(bench.hub.counters().dropped > 0);
    let mut second = 0;
    for _ in 0..100 {
        bench.run(SECOND / 100);
        bench.send(one, "//", &[]);
        second += bytes(&mut bench);
    }
    assert!((250_000..=270_000).contains(&second), "{second}");
    bench.send(one, "/subscribe", &["//".into()]);
    bench.run(SECOND);
    let all: usize = bench.sent.iter().filter(|s| s.0 == one).map(|s| s.2.len()).sum();
    let asked = bench
        .hub
        .space()
        .params()
        .filter(|id| bench.hub.space().canonical(*id).split('/').all(|p| !matches!(p, "meter" | "loudness" | "status")));
    assert!(all > asked.count());
    assert!(bytes(&mut bench) > 65_536);
}

#[test]
fn a_new_address_gets_little_before_its_second_packet() {
    let channels: String = (0..64).map(|n| format!("[[channel]]\nname = \"c{n}\"\n")).collect();
    let mut bench = Bench::of(&format!("{channels}[main]\n"));
    let one = bench.stranger("192.168.1.1:5000").unwrap();
    bench.send(one, "/subscribe", &["//".into(), OscType::Int(60)]);
    bench.run(5 * SECOND);
    let first: usize = bench.sent.drain(..).filter(|s| s.0 == one).map(|s| s.1).sum();
    assert!((60_000..=65_536).contains(&first), "{first}");
    // It is there after all, and gets the rest.
    bench.send(one, "/ping", &[]);
    bench.run(SECOND);
    let rest: usize = bench.sent.drain(..).filter(|s| s.0 == one).map(|s| s.1).sum();
    assert!(rest > 65_536, "{rest}");
}

#[test]
fn errors_say_little_and_malformed_packets_get_nothing() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    for bytes in [&b"hello world!"[..], b"/a\0", b"", b"#bundle\0", b"/ch/1/fader\0,f\0\0"] {
        bench.hub.packet(one, bytes, bench.now);
    }
    bench.turn();
    assert_eq!(bench.heard(one), []);
    assert_eq!(bench.hub.counters().malformed, 5);
    let long = format!("/{}", "ä".repeat(2000));
    bench.send(one, &long, &[f(1.0)]);
    let (address, args) = bench.heard(one).remove(0);
    assert_eq!(address, "/error");
    let echo = args[0].clone().string().unwrap();
    assert!(echo.len() <= 200 && long.starts_with(&echo));
    for (address, args) in [
        ("/ch/1/fader", vec![f(f32::NAN)]),
        ("/ch/1/fader", vec![f(1.0), f(2.0)]),
        ("/ch/1/fader", vec![OscType::Nil]),
        ("/ch/1/meter/in", vec![f(0.0)]),
        ("/ch/1/latency", vec![f(0.0)]),
        ("/ch/9/fader", vec![]),
        ("/scene/recall", vec!["x".into()]),
        ("/ch/1/send/1/tap", vec![OscType::Int(3)]),
    ] {
        bench.send(one, address, &args);
        let heard = bench.heard(one);
        assert_eq!(heard.len(), 1, "{address}");
        assert_eq!((heard[0].0.as_str(), &heard[0].1[0]), ("/error", &OscType::from(address)));
    }
    assert_eq!(bench.number(one, "/ch/1/fader"), 0.0);
}

#[test]
fn the_table_of_clients_is_bounded() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.subscribe(one, &["/ch/1/fader".into(), OscType::Int(60)]);
    for n in 0..5000u16 {
        let other = bench.stranger(&format!("10.0.{}.{}:99", n >> 8, n & 255)).expect("idle ones make room");
        bench.send(other, "/info", &[]);
    }
    // Who subscribed is still there.
    let two = bench.stranger("127.0.0.1:2").unwrap();
    bench.sent.clear();
    bench.send(two, "/ch/1/fader", &[f(-4.0)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(one), [("/ch/1/fader".into(), vec![f(-4.0)])]);
}

#[test]
fn two_apps_on_one_host_are_two_clients() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.send(one, "/client/port", &[f(9001.0)]);
    assert_eq!(bench.hub.client(one).unwrap().datagrams_to().unwrap().port(), 9001);
    assert_eq!(bench.hub.client(two).unwrap().datagrams_to().unwrap().port(), 2);
    bench.send(one, "/client/port", &[OscType::Int(0)]);
    assert_eq!(bench.hub.client(one).unwrap().datagrams_to().unwrap().port(), 1);
    let stream = bench.connection("127.0.0.1:3");
    bench.send(stream, "/client/port", &[OscType::Int(9001)]);
    assert_eq!(bench.heard(stream)[0].0, "/error");
}

#[test]
fn solo_clear_reaches_every_solo_and_tells_everybody() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.subscribe(one, &["//solo".into()]);
    bench.send(one, "//solo", &[OscType::Bool(true)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(one), []);
    bench.send(one, "/solo/clear", &[]);
    bench.run(SECOND / 10);
    let heard = bench.heard(one);
    assert!(heard.iter().any(|h| h.0 == "/solo/clear"));
    assert!(heard.iter().filter(|h| h.1 == [OscType::Int(0)]).count() >= 4);
}

#[test]
fn info_and_status_say_who_this_is() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.send(one, "/info", &[]);
    let (_, info) = bench.heard(one).remove(0);
    assert_eq!(info[..5], ["headroom".into(), env!("CARGO_PKG_VERSION").into(), "Two".into(), 48_000.into(), 48.into()]);
    bench.send(one, "/status", &[]);
    let (_, status) = bench.heard(one).remove(0);
    for name in ["xruns", "process-p999", "dropped", "kernel-dropped", "coalesced", "late", "clients", "queue"] {
        assert!(status.chunks(2).any(|pair| pair[0] == OscType::from(name)), "{name}");
    }
}

fn any_address() -> impl Strategy<Value = String> + Clone {
    let known = [
        "/ch/1/fader",
        "/ch/*/mute",
        "//",
        "//meter/*",
        "/norm/ch/1/pan",
        "/subscribe",
        "/unsubscribe",
        "/sync",
        "/ping",
        "/info",
        "/status",
        "/fade",
        "/client/port",
        "/solo/clear",
        "/rig/reload",
        "/ch/1/name",
        "/ch/[1-2]/send/*/level",
        "/login",
        "/preset/list",
        "/preset/load",
        "/preset/save",
        "/{,x",
    ];
    prop_oneof![prop::sample::select(known.to_vec()).prop_map(str::to_owned), "/[a-z0-9/*?{}\\[\\]!,-]{0,24}"]
}

fn any_arg() -> impl Strategy<Value = OscType> + Clone {
    prop_oneof![
        any::<f32>().prop_map(OscType::Float),
        any::<i32>().prop_map(OscType::Int),
        any::<f64>().prop_map(OscType::Double),
        any::<i64>().prop_map(OscType::Long),
        any::<bool>().prop_map(OscType::Bool),
        any_address().prop_map(OscType::String),
        "[-a-z0-9. ]{0,12}".prop_map(OscType::String),
        Just(OscType::Nil),
        Just(OscType::Blob(vec![1, 2, 3])),
    ]
}

fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let message = (any_address(), prop::collection::vec(any_arg(), 0..4))
        .prop_map(|(addr, args)| OscPacket::Message(OscMessage { addr, args }));
    let time = prop_oneof![
        Just(1u64),
        any::<u64>(),
        // Around the bench's noon.
        (-3_000i64..70_000).prop_map(|ms| (3_900_000_000u64 << 32).wrapping_add_signed(ms * 4_294_967)),
    ];
    let bundle = (time, prop::collection::vec(message.clone(), 0..6)).prop_map(|(tag, content)| {
        let timetag = rosc::OscTime { seconds: (tag >> 32) as u32, fractional: tag as u32 };
        OscPacket::Bundle(rosc::OscBundle { timetag, content })
    });
    let whole = prop_oneof![message, bundle].prop_map(|p| rosc::encoder::encode(&p).unwrap());
    prop_oneof![
        8 => whole.clone(),
        2 => (whole, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut bytes, at, byte)| {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_packet_brings_the_hub_down(packets in prop::collection::vec((any_packet(), 1u16..4, 0u64..40), 1..80)) {
        let mut bench = Bench::new();
        for (bytes, port, pause) in packets {
            let from = bench.stranger(&format!("127.0.0.1:{port}")).unwrap();
            bench.hub.packet(from, &bytes, bench.now);
            bench.run(pause * super::bench::STEP);
        }
        bench.run(SECOND / 4);
        let one = bench.stranger("127.0.0.1:77").unwrap();
        bench.send(one, "/ch/1/fader", &[f(-2.0)]);
        prop_assert_eq!(bench.number(one, "/ch/1/fader"), -2.0);
        prop_assert!(bench.sent.iter().all(|s| s.1 <= 1400 || s.2.len() == 1));
        let _ = message("/", &[]);
    }
}
