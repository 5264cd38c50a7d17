//! Pass 3, seats: strips of one shape and depth share banks; every audio channel gets a lane.

use super::GraphSpec;
use crate::proc::ProcKind;

/// A bank: `f32` lanes for channels, `f64` lanes for everything that sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BankRef {
    /// By index among the `f32` banks.
    Narrow(usize),
    /// By index among the `f64` banks.
    Wide(usize),
}

/// Where a strip sits: bank and first lane; the right side is the next lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Bank.
    pub bank: BankRef,
    /// Lane of the mono or left side.
    pub lane: usize,
}

/// One bank's shape and who sits in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankPlan {
    /// Which bank.
    pub bank: BankRef,
    /// Depth of its strips.
    pub depth: usize,
    /// Its chain.
    pub chain: Vec<ProcKind>,
    /// Strip and side of each lane.
    pub lanes: Vec<Option<(usize, usize)>>,
    /// Lanes that are one side of a stereo or linked strip, as bits.
    pub pairs: u32,
}

#[derive(PartialEq, Eq, Clone)]
struct Shape {
    wide: bool,
    depth: usize,
    chain: Vec<ProcKind>,
    /// Latency of each processor: one bank, one delay.
    latency: Vec<usize>,
}

/// Gives every strip a seat. `narrow` and `wide` are the lanes of a bank, `latency` the frames of each
/// strip's processors.
pub fn seats(
    spec: &GraphSpec,
    depth: &[usize],
    latency: &[Vec<usize>],
    narrow: usize,
    wide: usize,
) -> (Vec<Seat>, Vec<BankPlan>) {
    let mut shapes: Vec<(Shape, Vec<usize>)> = Vec::new();
    for (s, strip) in spec.strips.iter().enumerate() {
        let shape = Shape {
            wide: strip.kind.is_sum(),
            depth: depth[s],
            chain: strip.chain.iter().map(|p| p.kind).collect(),
            latency: latency[s].clone(),
        };
        match shapes.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, strips)) => strips.push(s),
            None => shapes.push((shape, vec![s])),
        }
    }
    shapes.sort_by_key(|(shape, _)| (shape.depth, shape.wide));
    let mut seats = vec![Seat { bank: BankRef::Narrow(0), lane: 0 }; spec.strips.len()];
    let mut banks = Vec::new();
    let mut count = [0usize; 2];
    for (shape, strips) in shapes {
        let n = if shape.wide { wide } else { narrow };
        let mut open: Option<BankPlan> = None;
        let mut strips = strips.into_iter().peekable();
        while let Some(s) = strips.next() {
            // Two sides, or two linked channels, take neighbouring lanes from an even one on.
            let linked = spec.strips[s].link.then(|| strips.next_if(|&next| next == s + 1)).flatten();
            let sides = if linked.is_some() { 2 } else { spec.strips[s].channels() };
            let free = open.as_ref().and_then(|b| room(b, sides, n));
            if free.is_none() {
                banks.extend(open.take());
                let index = &mut count[usize::from(shape.wide)];
                let bank = if shape.wide { BankRef::Wide(*index) } else { BankRef::Narrow(*index) };
                *index += 1;
                open = Some(BankPlan { bank, depth: shape.depth, chain: shape.chain.clone(), lanes: vec![None; n], pairs: 0 });
            }
            if let Some(b) = &mut open {
                let lane = free.unwrap_or(0);
                seats[s] = Seat { bank: b.bank, lane };
                b.lanes[lane] = Some((s, 0));
                if sides == 2 {
                    b.pairs |= 3 << lane;
                    b.lanes[lane + 1] = Some(linked.map_or((s, 1), |next| (next, 0)));
                }
                if let Some(next) = linked {
                    seats[next] = Seat { bank: b.bank, lane: lane + 1 };
                }
            }
        }
        banks.extend(open);
    }
    banks.sort_by_key(|b| (b.depth, b.bank));
    (seats, banks)
}

fn room(bank: &BankPlan, sides: usize, n: usize) -> Option<usize> {
    let free = |lane: usize| bank.lanes[lane].is_none();
    if sides == 1 { (0..n).find(|&l| free(l)) } else { (0..n).step_by(2).find(|&l| l + 1 < n && free(l) && free(l + 1)) }
}
