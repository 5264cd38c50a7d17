//! The hub's rules, on a clock that is set by hand.

mod bench;
mod presets;
mod roles;
mod served;
mod standing;
mod telling;
mod tempo;
mod timing;
