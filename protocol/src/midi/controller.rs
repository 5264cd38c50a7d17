//! One surface as its driver sees it: some ports, bytes in, bytes out.

use super::panel::{Input, Unit};
use super::remote::Remote;
use super::surface::Surface;

/// The time of day: hours, minutes, seconds.
pub type Clock = (u8, u8, u8);

/// A surface with its ports, numbered from 0. Times are in nanoseconds of a clock that never goes back.
pub trait Controller: Send {
    /// The console is made of other strips now, or everything of it is told anew.
    fn attach(&mut self, remote: &Remote);

    /// A port was plugged in; what was sent before does not count.
    fn plugged(&mut self, port: usize, now: u64);

    /// A port was unplugged.
    fn unplugged(&mut self, port: usize);

    /// Bytes that came.
    fn receive(&mut self, port: usize, bytes: &[u8], remote: &mut Remote, now: u64);

    /// Something may have changed: what should be seen is made anew.
    fn draw(&mut self, remote: &Remote, now: u64, clock: Clock);

    /// The most urgent message for a port, if there is one and its cable is free; to be asked until there is none.
    fn next(&mut self, port: usize, now: u64, out: &mut Vec<u8>) -> bool;

    /// Whether anything was heard from a port since it was plugged in.
    fn is_present(&self, port: usize) -> bool;
}

/// A mixing surface: a row of units, and how it behaves.
pub struct Row {
    surface: Surface,
    units: Vec<Box<dyn Unit>>,
    inputs: Vec<Input>,
}

impl Row {
    /// A row of units, left to right; as many as the surface has panels.
    pub fn new(surface: Surface, units: Vec<Box<dyn Unit>>) -> Row {
        Row { surface, units, inputs: Vec::new() }
    }
}

impl Controller for Row {
    fn attach(&mut self, remote: &Remote) {
        self.surface.attach(remote);
    }

    fn plugged(&mut self, port: usize, now: u64) {
        self.surface.released(port);
        self.units[port].plugged(now);
    }

    fn unplugged(&mut self, port: usize) {
        self.surface.released(port);
        self.units[port].unplugged();
    }

    fn receive(&mut self, port: usize, bytes: &[u8], remote: &mut Remote, now: u64) {
        let mut inputs = std::mem::take(&mut self.inputs);
        self.units[port].receive(bytes, now, &mut inputs);
        for input in inputs.drain(..) {
            self.surface.input(port, input, remote, now);
        }
        self.inputs = inputs;
    }

    fn draw(&mut self, remote: &Remote, now: u64, clock: Clock) {
        let pictures = self.surface.pictures(remote, now, clock);
        for (unit, picture) in self.units.iter_mut().zip(&pictures) {
            unit.show(picture);
        }
    }

    fn next(&mut self, port: usize, now: u64, out: &mut Vec<u8>) -> bool {
        self.units[port].next(now, out)
    }

    fn is_present(&self, port: usize) -> bool {
        self.units[port].is_present()
    }
}
