use super::*;
use crate::osc::encode;
use proptest::prelude::*;
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};

/// Puts `#bundle`, a time tag and elements with their sizes together.
fn bundle(time: u64, elements: &[&[u8]]) -> Vec<u8> {
    let mut bytes = BUNDLE.to_vec();
    bytes.extend(time.to_be_bytes());
    for element in elements {
        bytes.extend((element.len() as u32).to_be_bytes());
        bytes.extend(*element);
    }
    bytes
}

fn message(bytes: &[u8]) -> Message<'_> {
    match packet(bytes) {
        Ok(Packet::Message(message)) => message,
        other => panic!("not a message: {other:?}"),
    }
}

#[test]
fn the_specification_s_own_messages() {
    let frequency = message(b"/oscillator/4/frequency\0,f\0\0\x43\xdc\0\0");
    assert_eq!(frequency.address, "/oscillator/4/frequency");
    assert!(frequency.args.eq([Arg::Float(440.0)]));

    let foo = message(b"/foo\0\0\0\0,iisff\0\0\0\0\x03\xe8\xff\xff\xff\xffhello\0\0\0\x3f\x9d\xf3\xb6\x40\xb5\xb2\x2d");
    assert_eq!(foo.address, "/foo");
    assert_eq!(foo.args.tags(), b"iisff");
    assert!(foo.args.eq([Arg::Int(1000), Arg::Int(-1), Arg::Str("hello"), Arg::Float(1.234), Arg::Float(5.678),]));
}

#[test]
fn every_type() {
    let bytes = b"/t\0\0,dhSbtTFNIcrm[i]\0\0\0\0\
        \x3f\xf0\0\0\0\0\0\0\
        \xff\xff\xff\xff\xff\xff\xff\xfe\
        sym\0\
        \0\0\0\x05\x01\x02\x03\x04\x05\0\0\0\
        \0\0\0\x02\0\0\0\x03\
        \0\0\0A\
        \x11\x22\x33\x44\
        \x01\x90\x3c\x7f\
        \0\0\0\x07";
    let expected = [
        Arg::Double(1.0),
        Arg::Long(-2),
        Arg::Symbol("sym"),
        Arg::Blob(&[1, 2, 3, 4, 5]),
        Arg::Time(2 << 32 | 3),
        Arg::Bool(true),
        Arg::Bool(false),
        Arg::Nil,
        Arg::Infinitum,
        Arg::Char('A'),
        Arg::Rgba(0x1122_3344),
        Arg::Midi([1, 0x90, 0x3c, 0x7f]),
        Arg::ArrayOpen,
        Arg::Int(7),
        Arg::ArrayClose,
    ];
    assert!(message(bytes).args.eq(expected));
}

#[test]
fn an_ask_needs_no_type_tags() {
    for ask in [&b"/ch/1/fader\0"[..], b"/ch/1/fader\0,\0\0\0", b"/ch/1/fader\0\0\0\0\0"] {
        let ask = message(ask);
        assert_eq!(ask.address, "/ch/1/fader");
        assert!(ask.args.is_empty() && ask.args.into_iter().next().is_none());
    }
}

#[test]
fn an_unknown_tag_is_the_last_argument() {
    let odd = message(b"/a\0\0,iQf\0\0\0\0\0\0\0\x01\0\0\0\x02");
    assert!(odd.args.eq([Arg::Int(1), Arg::Unknown(b'Q')]));
    assert!(encode::owned(odd.args).is_none());
}

#[test]
fn what_is_malformed() {
    for (bytes, reason) in [
        (&b""[..], Malformed::Size),
        (b"/a\0", Malformed::Size),
        (b"/ab\0,i\0\0\0\0\0\x01\0", Malformed::Size),
        (b"\0\0\0\0", Malformed::Address),
        (b"a/b\0", Malformed::Address),
        (b"#bundel\0\0\0\0\0\0\0\0\x01", Malformed::Address),
        (b"#bundle\0\0\0\0\0", Malformed::Truncated),
        (b"/abc", Malformed::Truncated),
        (b"/a\0\0,i\0\0", Malformed::Truncated),
        (b"/a\0\0,s\0\0abcd", Malformed::Truncated),
        (b"/a\0\0,iii", Malformed::Truncated),
        (b"/a\0\0,b\0\0\0\0\0\x08abcd", Malformed::Truncated),
        (b"/a\0\0,b\0\0\xff\xff\xff\xffabcd", Malformed::Truncated),
        (b"/a\0\0i\0\0\0\0\0\0\x01", Malformed::Tags),
        (b"/a\0\0\0\0\0\0\0\0\0\x01", Malformed::Tags),
        (b"/a\xff\0", Malformed::Text),
        (b"/a\0\0,s\0\0\xc3\0\0\0", Malformed::Text),
        (b"/a\0\0,c\0\0\0\0\xd8\0", Malformed::Text),
        (b"/a\0\0,[\0\0", Malformed::Brackets),
        (b"/a\0\0,]\0\0", Malformed::Brackets),
        (b"/a\0\0,i\0\0\0\0\0\x01\0\0\0\x02", Malformed::Trailing),
        (b"/a\0\0,[[[[[[[[[]]]]]]]]]\0", Malformed::Depth),
    ] {
        assert_eq!(packet(bytes), Err(reason), "{}", bytes.escape_ascii());
    }
}

#[test]
fn one_bad_element_spoils_the_bundle() {
    let good = b"/a\0\0,\0\0\0";
    assert!(packet(&bundle(1, &[good, good])).is_ok());
    for (element, reason) in [(&b""[..], Malformed::Size), (b"/a", Malformed::Size), (b"/abc", Malformed::Truncated)] {
        let mut bytes = bundle(1, &[good, element]);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        assert_eq!(packet(&bytes), Err(reason));
    }
    let mut long = bundle(1, &[good]);
    long[19] = 12;
    assert_eq!(packet(&long), Err(Malformed::Truncated));
    let mut negative = bundle(1, &[good]);
    negative[16..20].fill(0xfc);
    assert_eq!(packet(&negative), Err(Malformed::Truncated));
}

#[test]
fn bundles_nest_in_order_and_count_their_messages() {
    let (a, b, c) = (b"/a\0\0,\0\0\0", b"/b\0\0", b"/c\0\0,T\0\0");
    let inner = bundle(20, &[b]);
    let bytes = bundle(10, &[a, &inner, c, &bundle(10, &[])]);
    let read = packet(&bytes).unwrap();
    let messages: Vec<_> = read.messages().map(|(time, m)| (time, m.address)).collect();
    assert_eq!(messages, [(10, "/a"), (20, "/b"), (10, "/c")]);
    assert_eq!(read.message_count(), 3);
    let Packet::Bundle(outer) = read else {
        panic!("not a bundle");
    };
    assert_eq!(outer.time, 10);
    assert_eq!(outer.elements().count(), 4);

    let single = packet(c).unwrap();
    let messages: Vec<_> = single.messages().map(|(time, m)| (time, m.address)).collect();
    assert_eq!(messages, [(1, "/c")]);
    assert_eq!(single.message_count(), 1);
    assert_eq!(packet(&bundle(1, &[])).unwrap().messages().count(), 0);
}

#[test]
fn an_inner_bundle_is_not_due_before_the_outer() {
    let nested = |outer, inner| packet(&bundle(outer, &[&bundle(inner, &[])])).map(|_| ());
    assert_eq!(nested(5, 5), Ok(()));
    assert_eq!(nested(5, 6), Ok(()));
    assert_eq!(nested(5, 4), Err(Malformed::Time));
    assert_eq!(nested(5, 1), Err(Malformed::Time));
    assert_eq!(nested(1, 0), Ok(()));
    assert_eq!(nested(0, 1), Ok(()));
}

#[test]
fn nesting_is_bounded() {
    let mut bytes = b"/deep\0\0\0".to_vec();
    for depth in 1..=MAX_DEPTH + 1 {
        bytes = bundle(1, &[&bytes]);
        let read = packet(&bytes);
        if depth <= MAX_DEPTH {
            let addresses: Vec<_> = read.unwrap().messages().map(|(_, m)| m.address).collect();
            assert_eq!(addresses, ["/deep"]);
        } else {
            assert_eq!(read, Err(Malformed::Depth));
        }
    }
    let eight = message(b"/a\0\0,[[[[[[[[]]]]]]]]\0\0\0");
    assert_eq!(eight.args.count(), 16);
}

#[test]
fn a_message_can_be_echoed_as_it_came() {
    let bytes = b"/ping\0\0\0,Si\0sym\0\0\0\0\x01";
    assert_eq!(message(bytes).as_bytes(), bytes);
}

fn any_text() -> impl Strategy<Value = String> {
    "[^\0]{0,9}"
}

fn any_arg() -> impl Strategy<Value = OscType> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(OscType::Int),
        any::<f32>().prop_map(OscType::Float),
        any::<f64>().prop_map(OscType::Double),
        any::<i64>().prop_map(OscType::Long),
        any_text().prop_map(OscType::String),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(OscType::Blob),
        any::<(u32, u32)>().prop_map(OscType::from),
        any::<bool>().prop_map(OscType::Bool),
        Just(OscType::Nil),
        Just(OscType::Inf),
        any::<char>().prop_map(OscType::Char),
        any::<[u8; 4]>().prop_map(|[red, green, blue, alpha]| OscType::Color(rosc::OscColor { red, green, blue, alpha })),
        any::<[u8; 4]>().prop_map(|[port, status, data1, data2]| OscType::Midi(rosc::OscMidiMessage {
            port,
            status,
            data1,
            data2
        })),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(|content| OscType::Array(rosc::OscArray { content }))
    })
}

fn any_message() -> impl Strategy<Value = OscMessage> {
    let args = prop::collection::vec(any_arg(), 0..6);
    (any_text(), args).prop_map(|(text, args)| OscMessage { addr: format!("/{text}"), args })
}

fn any_packet() -> impl Strategy<Value = OscPacket> {
    any_message().prop_map(OscPacket::Message).prop_recursive(5, 24, 4, |inner| {
        let content = prop::collection::vec(inner, 0..4);
        (any::<u8>(), content).prop_map(|(seconds, content)| {
            OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: seconds.into(), fractional: 0 }, content })
        })
    })
}

/// Brings the time tags of inner bundles to those of the outer, where they are before them.
fn in_time(packet: &mut OscPacket, outer: u32) {
    if let OscPacket::Bundle(bundle) = packet {
        bundle.timetag.seconds = bundle.timetag.seconds.max(outer);
        for inner in &mut bundle.content {
            in_time(inner, bundle.timetag.seconds);
        }
    }
}

/// What was decoded, as rosc would have it.
fn as_rosc(packet: Packet<'_>) -> OscPacket {
    match packet {
        Packet::Message(message) => {
            OscPacket::Message(OscMessage { addr: message.address.to_string(), args: encode::owned(message.args).unwrap() })
        }
        Packet::Bundle(bundle) => OscPacket::Bundle(OscBundle {
            timetag: OscTime { seconds: (bundle.time >> 32) as u32, fractional: bundle.time as u32 },
            content: bundle.elements().map(as_rosc).collect(),
        }),
    }
}

/// Bytes that are likely to get past the first check.
fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
    let chunk = prop_oneof![
        any::<[u8; 4]>().prop_map(|bytes| bytes.to_vec()),
        Just(BUNDLE.to_vec()),
        Just(b"/a\0\0".to_vec()),
        Just(b"\0\0\0\0".to_vec()),
        Just(b"\0\0\0\x08".to_vec()),
        Just(b"\0\0\0\x10".to_vec()),
        ",[ifsbtTFSchdrm\\[\\]]{2}\0".prop_map(String::into_bytes),
    ];
    prop::collection::vec(chunk, 0..16).prop_map(|chunks| chunks.concat())
}

/// Reads all that there is to read and compares what can be counted.
fn exhaust(bytes: &[u8]) {
    let Ok(packet) = packet(bytes) else {
        return;
    };
    let mut count = 0;
    for (_, message) in packet.messages() {
        count += 1;
        let tags = message.args.tags();
        let read = message.args.count();
        let unknown = message.args.into_iter().any(|arg| matches!(arg, Arg::Unknown(_)));
        assert!(read == tags.len() || unknown);
    }
    assert_eq!(count, packet.message_count());
    fn elements(packet: Packet<'_>) -> usize {
        match packet {
            Packet::Message(_) => 1,
            Packet::Bundle(bundle) => bundle.elements().map(elements).sum(),
        }
    }
    assert_eq!(count, elements(packet));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        exhaust(&bytes);
    }

    #[test]
    fn likely_bytes_do_not_panic(bytes in likely_bytes()) {
        exhaust(&bytes);
    }

    #[test]
    fn damaged_packets_do_not_panic(
        packet in any_packet(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = rosc::encoder::encode(&packet).unwrap();
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        exhaust(&bytes);
        exhaust(&bytes[..4 * cut.index(bytes.len() / 4)]);
    }

    #[test]
    fn what_rosc_writes_is_read_the_same(mut sent in any_packet()) {
        in_time(&mut sent, 0);
        let bytes = rosc::encoder::encode(&sent).unwrap();
        let read = as_rosc(packet(&bytes).unwrap());
        let again = rosc::encoder::encode(&read).unwrap();
        prop_assert_eq!(&bytes, &again);
        // By its text, since NaN is not equal to itself.
        let (rest, oracle) = rosc::decoder::decode_udp(&bytes).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(format!("{read:?}"), format!("{oracle:?}"));
    }

    #[test]
    fn what_we_take_rosc_takes(bytes in likely_bytes()) {
        let symbols_or_unknown = |packet: Packet<'_>| packet.messages().any(|(_, mut m)| {
            // rosc knows neither symbols nor messages without tags.
            m.args.tags().contains(&b'S') || m.args.is_empty()
                || m.args.any(|arg| matches!(arg, Arg::Unknown(_)))
        });
        if let Ok(read) = packet(&bytes) && !symbols_or_unknown(read) {
            let (_, oracle) = rosc::decoder::decode_udp(&bytes).unwrap();
            prop_assert_eq!(format!("{:?}", as_rosc(read)), format!("{oracle:?}"));
        }
    }
}
