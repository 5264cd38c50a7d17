//! Undeclared parts that processors are made of.

pub mod boxes;
pub mod delayline;
pub mod design;
pub mod fdn;
pub mod hold;
pub mod interp;
pub mod key;
pub mod lfo;
pub mod noise;
pub mod per_strip;
pub mod svf;
pub mod truepeak;
