//! Inputs that do not come from ports: the demo's band plays into the same engine, JACK or not.

use super::{Callback, Clock, Io, MAX_PERIOD};

/// Something that plays into input ports.
pub trait Source: Send {
    /// Fill one period: `inputs[k]` has as many samples as the period has frames and goes to the k-th of the
    /// ports that [`Sourced::new`] was given. Runs on the audio thread, and the buffers hold the last period.
    fn fill(&mut self, clock: Clock, inputs: &mut [&mut [f32]]);
}

/// A [`Callback`] whose listed input ports are played by a [`Source`]; all others stay what they are.
pub struct Sourced<S, C> {
    source: S,
    inner: C,
    /// Port index → place in `buffers`.
    places: Vec<Option<usize>>,
    buffers: Vec<Box<[f32]>>,
}

impl<S: Source, C: Callback> Sourced<S, C> {
    /// Let `source` play the input ports of these indices, and `inner` mix them.
    ///
    /// # Panics
    /// When there are more than [`MAX_SOURCES`] ports.
    pub fn new(source: S, inner: C, ports: &[usize]) -> Self {
        assert!(ports.len() <= MAX_SOURCES, "a source plays {MAX_SOURCES} ports at most");
        let mut places = vec![None; ports.iter().max().map_or(0, |m| m + 1)];
        for (place, &port) in ports.iter().enumerate() {
            places[port] = Some(place);
        }
        let buffers = ports.iter().map(|_| vec![0.0; MAX_PERIOD].into_boxed_slice()).collect();
        Sourced { source, inner, places, buffers }
    }
}

/// The most ports that one source can play: the slices of a period are gathered without allocating.
pub const MAX_SOURCES: usize = 128;

impl<S: Source, C: Callback> Callback for Sourced<S, C> {
    fn resume(&mut self, rate: u32, period: usize) {
        self.inner.resume(rate, period);
    }

    fn process(&mut self, io: &mut dyn Io, frames: usize, clock: Clock) {
        let mut slices: [&mut [f32]; MAX_SOURCES] = std::array::from_fn(|_| Default::default());
        let mut count = 0;
        for (slice, buffer) in slices.iter_mut().zip(&mut self.buffers) {
            *slice = &mut buffer[..frames];
            count += 1;
        }
        self.source.fill(clock, &mut slices[..count]);
        let mut io = Overlay { io, places: &self.places, buffers: &self.buffers, frames };
        self.inner.process(&mut io, frames, clock);
    }
}

struct Overlay<'a> {
    io: &'a mut dyn Io,
    places: &'a [Option<usize>],
    buffers: &'a [Box<[f32]>],
    frames: usize,
}

impl Io for Overlay<'_> {
    fn input(&self, port: usize) -> &[f32] {
        match self.places.get(port) {
            Some(&Some(place)) => &self.buffers[place][..self.frames],
            _ => self.io.input(port),
        }
    }

    fn output(&mut self, port: usize) -> &mut [f32] {
        self.io.output(port)
    }
}
