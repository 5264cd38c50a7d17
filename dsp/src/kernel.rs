//! Undeclared parts that processors are made of.

pub mod svf;
