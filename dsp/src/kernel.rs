//! Undeclared parts that processors are made of.

pub mod band;
pub mod boxes;
pub mod butter;
pub mod delayline;
pub mod design;
pub mod fdn;
pub mod hold;
pub mod key;
pub mod noise;
pub mod svf;
pub mod truepeak;
