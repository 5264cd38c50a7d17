//! Meters as the hub keeps them: the engine's cells emptied every 10 ms, the last 50 ms for those who
//! ask, and for each subscriber the largest since its last report.

use crate::metering::readings::{self, Readings};
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::meter::Meters;
use headroom_dsp::param::{self, Access};
use headroom_dsp::tree::{Entry, Owner, ParamId, Slot, Tree};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Time between two looks at the cells, in nanoseconds.
pub const EVERY: u64 = 10_000_000;
/// Looks that cover the 50 ms that an asked meter tells.
const SLOTS: usize = 5;
/// Lowest level told, dBFS.
const FLOOR_DB: f32 = -144.0;
/// Cells of a strip before its reductions: input, output and mean square of both sides.
const FIXED: usize = 6;

/// Which cells a meter reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gauge {
    at: usize,
    width: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Peak,
    MeanSquare,
    Reduction,
    /// A figure of the analysis, as it is told; a count is told as a whole number.
    Figure {
        count: bool,
    },
}

impl Gauge {
    /// Numbers told: one, two of a stereo strip's levels, more of a spectrum.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether it is told as a whole number.
    pub fn is_count(&self) -> bool {
        self.kind == Kind::Figure { count: true }
    }

    /// A raw cell (linear, mean square, dB of reduction, or a figure) as it is told.
    pub fn told(&self, raw: f32) -> f32 {
        match self.kind {
            Kind::Peak => decibels(20.0, raw),
            Kind::MeanSquare => decibels(10.0, 2.0 * raw),
            // Not −0.
            Kind::Reduction => 0.0 - raw,
            Kind::Figure { .. } => raw,
        }
    }

    /// Whether a raw cell need not be told again while it stays: that of a silent strip, or a figure that stands.
    pub fn rests(&self, raw: f32) -> bool {
        match self.kind {
            Kind::Reduction => raw == 0.0,
            Kind::Figure { .. } => true,
            _ => self.told(raw) <= FLOOR_DB,
        }
    }

    /// Whether the largest of several looks is told, and not the last.
    pub fn peaks(&self) -> bool {
        matches!(self.kind, Kind::Peak | Kind::Reduction)
    }
}

fn decibels(factor: f32, x: f32) -> f32 {
    if x > 0.0 { (factor * x.log10()).max(FLOOR_DB) } else { FLOOR_DB }
}

/// All meters of a console.
#[derive(Default)]
pub struct Board {
    gauges: Vec<Option<Gauge>>,
    first: Vec<usize>,
    /// First figure of each strip that is analysed.
    figures: Vec<Option<usize>>,
    /// The last looks, [`SLOTS`] times `width`.
    ring: Vec<f32>,
    width: usize,
    slot: usize,
}

impl Board {
    /// The meters of a console, all silent.
    pub fn new(spec: &GraphSpec, tree: &Tree) -> Board {
        let mut board = Board::default();
        for strip in &spec.strips {
            board.first.push(board.width);
            board.width += FIXED + strip.chain.iter().filter(|p| p.kind.decl().meter).count();
            board.figures.push(strip.is_analysed().then_some(board.width));
            board.width += if strip.is_analysed() { readings::cells() } else { 0 };
        }
        board.gauges = tree.entries().iter().map(|e| board.find(spec, e)).collect();
        board.ring = vec![0.0; board.width * SLOTS];
        board
    }

    fn find(&self, spec: &GraphSpec, entry: &Entry) -> Option<Gauge> {
        let (Owner::Strip(s), Slot::Meter, Access::Meter) = (entry.owner, entry.slot, entry.decl.access) else { return None };
        let strip = &spec.strips[s];
        let (at, width) = (self.first[s], entry.decl.width.of(strip.channels()));
        if let Some(place) = readings::place(&entry.path) {
            let count = matches!(entry.decl.kind, param::Kind::Int { .. });
            return Some(Gauge { at: self.figures[s]? + place, width, kind: Kind::Figure { count } });
        }
        Some(match entry.path.strip_prefix("meter/")? {
            "in" => Gauge { at, width, kind: Kind::Peak },
            "out" => Gauge { at: at + 2, width, kind: Kind::Peak },
            "rms" => Gauge { at: at + 4, width, kind: Kind::MeanSquare },
            name => {
                let k = strip.chain.iter().filter(|p| p.kind.decl().meter).position(|p| p.name == name)?;
                Gauge { at: at + FIXED + k, width, kind: Kind::Reduction }
            }
        })
    }

    /// The cells that a parameter reads, if it is a meter.
    pub fn gauge(&self, id: ParamId) -> Option<Gauge> {
        self.gauges.get(id.0 as usize).copied().flatten()
    }

    /// Empties the engine's cells and copies those of the analysis. Their only reader.
    pub fn look(&mut self, meters: &Meters, readings: &[Option<Arc<Readings>>]) {
        self.slot = (self.slot + 1) % SLOTS;
        let now = &mut self.ring[self.slot * self.width..][..self.width];
        for (cells, &first) in meters.strips.iter().zip(&self.first) {
            for side in 0..2 {
                now[first + side] = cells.input[side].take();
                now[first + 2 + side] = cells.output[side].take();
                now[first + 4 + side] = cells.square[side].get();
            }
            for (k, cell) in cells.reduction.iter().enumerate() {
                if let Some(place) = now.get_mut(first + FIXED + k) {
                    *place = cell.take();
                }
            }
        }
        for (strip, first) in self.figures.iter().enumerate() {
            let Some(cells) = first.and_then(|at| now.get_mut(at..at + readings::cells())) else { continue };
            match readings.get(strip) {
                Some(Some(readings)) => readings.copy(cells),
                _ => Readings::default().copy(cells),
            }
        }
    }

    /// The cells of a meter at the last look.
    pub fn now(&self, gauge: Gauge) -> &[f32] {
        self.at(self.slot, gauge)
    }

    /// One cell of a meter that was asked: the largest of the last 50 ms where peaks are told.
    pub fn recent(&self, gauge: Gauge, which: usize) -> f32 {
        if !gauge.peaks() {
            return self.now(gauge)[which];
        }
        (0..SLOTS).map(|slot| self.at(slot, gauge)[which]).fold(0.0, f32::max)
    }

    fn at(&self, slot: usize, gauge: Gauge) -> &[f32] {
        &self.ring[slot * self.width + gauge.at..][..gauge.width]
    }
}

impl Gauge {
    /// What a report gathers from one more look.
    pub fn gather(&self, sum: &mut [f32], now: &[f32]) {
        for (sum, now) in sum.iter_mut().zip(now) {
            *sum = if self.peaks() { sum.max(*now) } else { *now };
        }
    }
}

/// Times a strip was reset because it was not finite.
pub fn faults(meters: &Meters, strip: usize) -> u32 {
    meters.strips.get(strip).map_or(0, |s| s.faults.load(Ordering::Relaxed))
}
