//! The way of a packet that arrives touches no allocator.

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use headroom_protocol::osc::decode::{self, Arg};
use headroom_protocol::osc::encode::{self, Encoder};
use headroom_protocol::pattern::{Pattern, is_pattern};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

#[test]
fn decoding_and_matching_do_not_allocate() {
    let addresses: Vec<String> = (1..=20).map(|number| format!("/ch/{number}/eq/2/gain")).collect();
    let messages = addresses.iter().map(|address| {
        let args = [encode::Arg::Float(-6.0), encode::Arg::from("text")];
        (address.as_str(), args)
    });
    let mut bytes = Vec::new();
    Encoder::new().bundle(1, messages, &mut bytes);
    let pattern = Pattern::parse("/ch/*/{eq,comp}/?/g[a-h]*n").expect("a pattern");

    let (count, sum, matched) = assert_no_alloc(|| {
        let (mut count, mut sum, mut matched) = (0, 0.0, 0);
        let packet = decode::packet(&bytes).expect("a packet");
        for (_, message) in packet.messages() {
            matched += usize::from(pattern.matches(message.address));
            count += usize::from(!is_pattern(message.address));
            for arg in message.args {
                if let Arg::Float(value) = arg {
                    sum += value;
                }
            }
        }
        (count, sum, matched)
    });
    assert_eq!((count, sum, matched), (20, -120.0, 20));
}

#[test]
fn malformed_packets_do_not_allocate() {
    let refused = assert_no_alloc(|| {
        let damaged: [&[u8]; 4] = [b"", b"/abc", b"/a\0\0,s\0\0\xff\0\0\0", b"#bundle\0abcd"];
        damaged.map(|bytes| decode::packet(bytes).is_err())
    });
    assert_eq!(refused, [true; 4]);
}
