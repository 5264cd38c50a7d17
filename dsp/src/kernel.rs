//! Undeclared parts that processors are made of.

pub mod delayline;
pub mod design;
pub mod svf;
