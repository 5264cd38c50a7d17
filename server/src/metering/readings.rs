//! What was measured of one strip, in cells without a lock.

use headroom_dsp::meter::Latest;
use headroom_dsp::param::Decl;
use headroom_dsp::tree::{ANALYSIS, ANALYSIS_STEREO};
use std::sync::atomic::{AtomicU32, Ordering};

/// Figures that count from a reset.
const SINCE_RESET: &[&str] = &["loudness/integrated", "loudness/range", "loudness/truepeak", "meter/headroom", "meter/clips"];

/// Every declaration of the analysis, in the order of the cells.
pub fn decls() -> impl Iterator<Item = &'static Decl> {
    ANALYSIS.iter().chain(ANALYSIS_STEREO)
}

/// First cell of a figure.
pub fn place(path: &str) -> Option<usize> {
    decls().any(|d| d.path == path).then(|| decls().take_while(|d| d.path != path).map(|d| d.width.of(2)).sum())
}

/// Cells of a strip.
pub fn cells() -> usize {
    decls().map(|d| d.width.of(2)).sum()
}

/// The cells of one strip: written by the analysis, read by the hub.
#[derive(Debug)]
pub struct Readings {
    cells: Vec<Latest>,
    /// Resets asked for, and the last one that was done.
    asked: AtomicU32,
    done: AtomicU32,
}

impl Default for Readings {
    fn default() -> Self {
        let cells = decls().flat_map(|d| (0..d.width.of(2)).map(|_| rest(d)));
        let cells = cells.map(|x| {
            let cell = Latest::default();
            cell.put(x);
            cell
        });
        Readings { cells: cells.collect(), asked: AtomicU32::new(0), done: AtomicU32::new(0) }
    }
}

/// What a figure reads of silence.
fn rest(decl: &Decl) -> f32 {
    decl.default().as_f64() as f32
}

impl Readings {
    /// Hub: asks for a reset. What counts from it has no reading until it is done.
    pub fn reset(&self) {
        self.asked.fetch_add(1, Ordering::Release);
    }

    /// Hub: copies all cells.
    pub fn copy(&self, into: &mut [f32]) {
        let fresh = self.done.load(Ordering::Acquire) == self.asked.load(Ordering::Relaxed);
        let widths = decls().flat_map(|d| std::iter::repeat_n(d, d.width.of(2)));
        for ((to, cell), decl) in into.iter_mut().zip(&self.cells).zip(widths) {
            *to = if fresh || !SINCE_RESET.contains(&decl.path) { cell.get() } else { rest(decl) };
        }
    }

    /// Hub: the first cell of a figure, unless a reset is under way.
    pub fn get(&self, path: &str) -> Option<f32> {
        let fresh = self.done.load(Ordering::Acquire) == self.asked.load(Ordering::Relaxed);
        place(path).filter(|_| fresh).and_then(|at| self.cells.get(at)).map(Latest::get)
    }

    /// Analysis: number of the last reset asked for.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::Acquire)
    }

    /// Analysis: puts a number.
    pub fn put(&self, cell: usize, x: f64) {
        if let Some(cell) = self.cells.get(cell) {
            cell.put(x as f32);
        }
    }

    /// Analysis: all cells are those after this reset.
    pub fn done(&self, reset: u32) {
        self.done.store(reset, Ordering::Release);
    }
}
