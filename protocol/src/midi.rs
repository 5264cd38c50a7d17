//! Control surfaces: MIDI bytes in, wishes to the hub out; changes in, MIDI bytes out. Pure state machines.
//!
//! | module | does |
//! | --- | --- |
//! | [`message`] | bytes to messages, whatever stands between them |
//! | [`remote`] | what a surface knows of the console, and what it asks of it |
//! | [`panel`] | the words between a surface's behaviour and its dialect: [`panel::Input`] and [`panel::Picture`] |
//! | [`surface`] | the behaviour of a mixing surface: pages, assignments, flip, buttons |
//! | [`mcu`] | the dialect of Mackie Control |
//! | [`hui`] | the dialect of HUI |
//! | [`controller`] | one surface as its driver sees it: ports, bytes, wishes |
//! | [`learn`] | controls bound to parameters by touching both |
//! | [`map`] | plain controllers: maps of what their knobs and buttons do |
//! | [`cable`] | how fast a surface may be spoken to |
//! | [`takeover`] | faders without motors that do not make a value jump |
//! | [`text`] | names and values in a few characters |
//!
//! A surface is drawn anew whenever something may have changed: [`surface`] makes the picture that should be seen,
//! the dialect knows what it sent so far and sends the difference, the most urgent first, as fast as the cable takes
//! it. So nothing queues, nothing is sent twice, and a repaint is forgetting what was sent.

pub mod cable;
pub mod controller;
pub mod hui;
pub mod learn;
pub mod map;
pub mod mcu;
pub mod message;
pub mod panel;
pub mod remote;
pub mod surface;
pub mod takeover;
pub mod text;

/// A millisecond in the unit of all times here, nanoseconds.
pub const MS: u64 = 1_000_000;

#[cfg(test)]
pub(crate) mod testing;
