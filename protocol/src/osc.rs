//! Open Sound Control 1.0 and 1.1: bytes to messages, messages to bytes.
//!
//! | module | does |
//! | --- | --- |
//! | [`decode`] | packets as they arrive: zero-copy, no allocation, validated once |
//! | [`encode`] | messages, bundles, and batches packed into datagrams |
//! | [`stream`] | packets over TCP: SLIP or length prefix, told apart by the first byte |
//! | [`time`] | NTP time tags to and from `SystemTime` and `Duration` |
//!
//! `rosc` writes every message that leaves, and is the oracle that the tests hold the decoder
//! against. It does not read what arrives: it allocates a `String` and a `Vec` per message, which
//! makes it about four times slower on bundles of 20; it nests without limit, takes a bundle with
//! a damaged element for a shorter one, and knows neither symbols nor an ask without type tags.
//!
//! How addresses are matched is in [`crate::pattern`].

pub mod decode;
pub mod encode;
pub mod stream;
pub mod time;
