//! headroom-protocol
