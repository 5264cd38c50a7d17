//! The hub's rules, on a clock that is set by hand.

mod bench;
mod foreign;
mod presets;
mod roles;
mod scene_roles;
mod scenes;
mod served;
mod standing;
mod tablets;
mod telling;
mod tempo;
mod timing;
