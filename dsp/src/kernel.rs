//! Undeclared parts that processors are made of.

pub mod band;
pub mod beside;
pub mod boxes;
pub mod butter;
pub mod convolver;
pub mod delayline;
pub mod design;
pub mod fdn;
pub mod hold;
pub mod howl;
pub mod interp;
pub mod key;
pub mod lfo;
pub mod noise;
pub mod oversample;
pub mod per_strip;
pub mod svf;
pub mod talkers;
pub mod tape;
pub mod ticks;
pub mod truepeak;
