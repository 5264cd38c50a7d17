//! The band as a source of input ports.

use super::band::Song;
use crate::backend::{Clock, Source};
use std::sync::Arc;

/// Plays the song's stems, looping, each plane into one port: stems in order, left before right.
pub struct BandSource {
    song: Arc<Song>,
    /// Stem and plane of each port.
    planes: Vec<(usize, usize)>,
}

impl BandSource {
    /// For ports in the order of the song's stems.
    pub fn new(song: Arc<Song>) -> Self {
        let planes = song.stems.iter().enumerate().flat_map(|(s, stem)| (0..stem.channels).map(move |p| (s, p))).collect();
        BandSource { song, planes }
    }
}

impl Source for BandSource {
    fn fill(&mut self, clock: Clock, inputs: &mut [&mut [f32]]) {
        for (to, &(stem, plane)) in inputs.iter_mut().zip(&self.planes) {
            self.song.stems[stem].read(plane, clock.frame, to);
        }
    }
}
