//! Undeclared parts that processors are made of.

pub mod delayline;
pub mod design;
pub mod fdn;
pub mod hold;
pub mod key;
pub mod svf;
