//! headroom-dsp: parameter declarations, processors, banks, the graph compiler and the engine.
//!
//! Everything that runs on the audio thread is here, and nothing that waits: no I/O, no clock, no
//! lock. Control-side parts (`desk`, `graph`) allocate freely; audio-side parts (`engine`, `bank`,
//! `proc`) never do after they were built.

mod bank;
pub mod block;
pub mod desk;
pub mod engine;
pub mod graph;
pub mod kernel;
pub mod lanes;
pub mod meter;
pub mod network;
pub mod param;
pub mod proc;
pub mod ramp;
pub mod tree;
