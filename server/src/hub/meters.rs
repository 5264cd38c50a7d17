//! Meters as the hub keeps them: the engine's cells emptied every 10 ms, the last 50 ms for those who
//! ask, and for each subscriber the largest since its last report.

use headroom_dsp::graph::GraphSpec;
use headroom_dsp::meter::Meters;
use headroom_dsp::tree::{Owner, ParamId, Slot, Tree};
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
    sides: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Peak,
    MeanSquare,
    Reduction,
}

/// Raw cells of a meter: linear, mean square or dB of reduction. The second side only of a stereo strip.
pub type Sides = [f32; 2];

impl Gauge {
    /// Values told: one, or two of a stereo strip.
    pub fn sides(&self) -> usize {
        self.sides
    }

    /// A raw cell as it is told.
    pub fn told(&self, raw: f32) -> f32 {
        match self.kind {
            Kind::Peak => decibels(20.0, raw),
            Kind::MeanSquare => decibels(10.0, 2.0 * raw),
            // Not −0.
            Kind::Reduction => 0.0 - raw,
        }
    }

    /// Whether a raw cell is that of a silent strip.
    pub fn rests(&self, raw: f32) -> bool {
        match self.kind {
            Kind::Reduction => raw == 0.0,
            _ => self.told(raw) <= FLOOR_DB,
        }
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
    /// The last looks, [`SLOTS`] times `width`.
    ring: Vec<f32>,
    width: usize,
    slot: usize,
}

impl Board {
    /// The meters of a console, all silent.
    pub fn new(spec: &GraphSpec, tree: &Tree) -> Board {
        let mut first = Vec::with_capacity(spec.strips.len());
        let mut width = 0;
        for strip in &spec.strips {
            first.push(width);
            width += FIXED + strip.chain.iter().filter(|p| p.kind.decl().meter).count();
        }
        let gauge = |path: &str, s: usize| {
            let strip = &spec.strips[s];
            let (at, sides) = (first[s], strip.channels());
            Some(match path.strip_prefix("meter/")? {
                "in" => Gauge { at, sides, kind: Kind::Peak },
                "out" => Gauge { at: at + 2, sides, kind: Kind::Peak },
                "rms" => Gauge { at: at + 4, sides, kind: Kind::MeanSquare },
                name => {
                    let k = strip.chain.iter().filter(|p| p.kind.decl().meter).position(|p| p.name == name)?;
                    Gauge { at: at + FIXED + k, sides: 1, kind: Kind::Reduction }
                }
            })
        };
        let gauges = tree.entries().iter().map(|e| match (e.owner, e.slot) {
            (Owner::Strip(s), Slot::Meter) => gauge(&e.path, s),
            _ => None,
        });
        let gauges = gauges.collect();
        Board { gauges, first, ring: vec![0.0; width * SLOTS], width, slot: 0 }
    }

    /// The cells that a parameter reads, if it is a meter.
    pub fn gauge(&self, id: ParamId) -> Option<Gauge> {
        self.gauges.get(id.0 as usize).copied().flatten()
    }

    /// Empties the engine's cells. Their only reader.
    pub fn look(&mut self, meters: &Meters) {
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
    }

    /// The cells of a meter at the last look.
    pub fn now(&self, gauge: Gauge) -> Sides {
        self.at(self.slot, gauge)
    }

    /// The largest of the last 50 ms; a mean square as it is.
    pub fn recent(&self, gauge: Gauge) -> Sides {
        if gauge.kind == Kind::MeanSquare {
            return self.now(gauge);
        }
        (0..SLOTS).map(|slot| self.at(slot, gauge)).fold([0.0; 2], larger)
    }

    fn at(&self, slot: usize, gauge: Gauge) -> Sides {
        let cells = &self.ring[slot * self.width + gauge.at..];
        [cells[0], if gauge.sides > 1 { cells[1] } else { 0.0 }]
    }
}

impl Gauge {
    /// What a report gathers from one more look.
    pub fn gather(&self, sum: Sides, now: Sides) -> Sides {
        if self.kind == Kind::MeanSquare { now } else { larger(sum, now) }
    }
}

fn larger(a: Sides, b: Sides) -> Sides {
    [a[0].max(b[0]), a[1].max(b[1])]
}

/// Times a strip was reset because it was not finite.
pub fn faults(meters: &Meters, strip: usize) -> u32 {
    meters.strips.get(strip).map_or(0, |s| s.faults.load(Ordering::Relaxed))
}
