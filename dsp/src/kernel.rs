//! Undeclared parts that processors are made of.

pub mod boxes;
pub mod convolver;
pub mod delayline;
pub mod design;
pub mod fdn;
pub mod hold;
pub mod howl;
pub mod key;
pub mod noise;
pub mod per_strip;
pub mod svf;
pub mod talkers;
pub mod truepeak;
