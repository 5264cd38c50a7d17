//! The three kinds of room: what differs between them, in milliseconds, and what that is in frames.

use crate::kernel::delayline::CHUNK;
use crate::kernel::fdn::LINES;

/// Allpasses of the input diffuser, a side.
pub const ALLPASSES: usize = 4;
/// Early reflections, a side.
pub const EARLY: usize = 7;

/// Memory each part needs, in ms, for any of the spaces.
pub const LONGEST_LINE_MS: f64 = 85.0;
pub const LONGEST_TAP_MS: f64 = 56.0;
pub const LONGEST_SCATTER_MS: f64 = 15.5;
pub const LONGEST_ALLPASS_MS: f64 = 9.9;

/// What makes a kind of room.
pub struct Space {
    /// Shortest and longest line of the network, ms; the others lie between in equal ratios.
    lines_ms: [f64; 2],
    /// Span over which a sound enters the network, ms.
    spread_ms: f64,
    /// Span of the diffuser's second step, ms.
    scatter_ms: f64,
    /// Delays of the input diffuser's allpasses, ms, left and right.
    allpass_ms: [[f64; ALLPASSES]; 2],
    /// Early reflections of each side: ms, gain, and whether they come from the other side.
    early: [[(f64, f32, bool); EARLY]; 2],
    /// Level of what enters the network re what comes around: how directly the tail sets in.
    pub direct: f64,
    /// Phases from which the network's matrix starts to turn. How evenly a band decays is a matter of
    /// chance, a few percent of its time; these are good throws at 48 kHz.
    pub seed: u64,
    /// Frequency at which damping has reached half its decibels, Hz.
    pub corner: f64,
}

const NO_EARLY: [[(f64, f32, bool); EARLY]; 2] = [[(0.0, 0.0, false); EARLY]; 2];

/// In the order of the parameter's names.
pub static SPACES: [Space; 3] = [
    // Hall: reflections far apart, a tail that swells.
    Space {
        lines_ms: [30.0, 84.0],
        spread_ms: 26.0,
        scatter_ms: 15.0,
        allpass_ms: [[4.77, 3.59, 9.31, 7.13], [4.31, 3.93, 8.67, 7.79]],
        early: [
            [
                (6.1, 0.20, false),
                (13.9, 0.18, true),
                (19.7, 0.17, false),
                (26.3, -0.15, false),
                (33.1, 0.12, true),
                (41.9, -0.09, false),
                (52.7, 0.07, true),
            ],
            [
                (7.3, 0.20, false),
                (11.9, -0.18, true),
                (21.1, 0.17, false),
                (28.3, 0.15, true),
                (35.9, -0.12, false),
                (44.3, 0.09, false),
                (55.1, 0.07, true),
            ],
        ],
        direct: 0.8,
        seed: 10,
        corner: 9000.0,
    },
    // Plate: dense at once, bright, no reflections.
    Space {
        lines_ms: [24.0, 78.0],
        spread_ms: 8.0,
        scatter_ms: 5.0,
        allpass_ms: [[2.13, 3.31, 5.03, 1.69], [2.41, 2.99, 5.47, 1.87]],
        early: NO_EARLY,
        direct: 1.0,
        seed: 6,
        corner: 11000.0,
    },
    // Room: reflections close together, the tail right behind them.
    Space {
        lines_ms: [21.0, 72.0],
        spread_ms: 16.0,
        scatter_ms: 9.0,
        allpass_ms: [[3.11, 2.23, 6.07, 4.39], [2.83, 2.51, 6.61, 4.01]],
        early: [
            [
                (2.3, 0.26, false),
                (5.1, 0.20, true),
                (8.3, -0.20, false),
                (11.9, 0.16, false),
                (15.7, -0.15, true),
                (20.9, 0.12, false),
                (27.1, 0.10, true),
            ],
            [
                (2.9, 0.26, false),
                (4.3, 0.20, true),
                (9.1, 0.20, false),
                (13.1, -0.16, true),
                (16.9, 0.15, false),
                (22.7, -0.12, false),
                (29.3, 0.10, true),
            ],
        ],
        direct: 0.8,
        seed: 3,
        corner: 9000.0,
    },
];

/// A space in frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    /// Lines of the network: different primes, so that no two share a mode.
    pub lines: [usize; LINES],
    /// Delays at which the two sides enter the network, the first half left.
    pub spread: [usize; LINES],
    /// Delays of the diffuser's second step.
    pub scatter: [usize; LINES],
    /// Allpasses, left and right.
    pub allpass: [[usize; ALLPASSES]; 2],
    /// Early reflections of each side: frames, gain, side they come from.
    pub early: [[(usize, f32, usize); EARLY]; 2],
}

impl Geometry {
    /// Control side: searches primes.
    pub fn new(space: &Space, rate: f64) -> Geometry {
        let frames = |ms: f64| (ms * rate / 1000.0).round() as usize;
        let [first, last] = space.lines_ms;
        let mut taken = Vec::new();
        let mut prime = |ms: f64| {
            let n = near_prime(frames(ms).max(CHUNK + 1), &taken);
            taken.push(n);
            n
        };
        // Neighbours in length stand far apart in the network.
        let lines = std::array::from_fn(|i| {
            let place = (i * 7 % LINES) as f64 / (LINES - 1) as f64;
            prime(first * (last / first).powf(place))
        });
        let mut taken = Vec::new();
        let spread = std::array::from_fn(|i| {
            // One delay in each eighth of the span, off its centre by the golden ratio.
            let place = (i * 3 % 8) as f64 + (0.618_034 * (i + 1) as f64).fract();
            let n = near_prime(frames(space.spread_ms * place / 8.0).max(2), &taken);
            taken.push(n);
            n
        });
        let mut taken = Vec::new();
        let scatter = std::array::from_fn(|i| {
            let place = (i * 5 % 16) as f64 + (0.618_034 * (i + 1) as f64).fract();
            let n = near_prime(frames(space.scatter_ms * place / 16.0).max(2), &taken);
            taken.push(n);
            n
        });
        let mut taken = Vec::new();
        let allpass = space.allpass_ms.map(|side| {
            side.map(|ms| {
                let n = near_prime(frames(ms).max(CHUNK + 1), &taken);
                taken.push(n);
                n
            })
        });
        let mut side = 0;
        let early = space.early.map(|taps| {
            side += 1;
            taps.map(|(ms, gain, cross)| (frames(ms), gain, (side - 1) ^ usize::from(cross)))
        });
        Geometry { lines, spread, scatter, allpass, early }
    }
}

/// The prime nearest to `n` that is not taken.
fn near_prime(n: usize, taken: &[usize]) -> usize {
    let prime = |n: usize| n > 1 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    let free = |n: &usize| prime(*n) && !taken.contains(n);
    (0..).flat_map(|d| [n.saturating_sub(d), n + d]).find(free).unwrap_or(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_different_primes_that_fit_at_any_rate() {
        for rate in [44100.0, 48000.0, 88200.0, 96000.0, 192_000.0] {
            for space in &SPACES {
                let g = Geometry::new(space, rate);
                let mut lines = g.lines.to_vec();
                lines.sort_unstable();
                assert!(lines.windows(2).all(|w| w[0] < w[1]));
                assert!(lines[0] > CHUNK && lines[LINES - 1] as f64 <= LONGEST_LINE_MS * rate / 1000.0);
                assert!(g.spread.iter().all(|&n| (n as f64) < LONGEST_TAP_MS * rate / 1000.0));
                assert!(g.scatter.iter().all(|&n| (n as f64) < LONGEST_SCATTER_MS * rate / 1000.0));
                let allpass = g.allpass.as_flattened();
                assert!(allpass.iter().all(|&n| n > CHUNK && (n as f64) < LONGEST_ALLPASS_MS * rate / 1000.0));
                let early = g.early.as_flattened();
                assert!(early.iter().all(|&(n, ..)| (n as f64) < LONGEST_TAP_MS * rate / 1000.0));
            }
        }
    }
}
