//! Checks a schedule for what must never happen: a bank run twice or never, read before it is whole,
//! written after it was read, two writers of one lane or port.

use super::schedule::{Schedule, Step};
use super::seats::{BankPlan, BankRef};
use std::collections::{HashMap, HashSet};

/// All faults found, in words; empty for a sound schedule.
pub fn verify(schedule: &Schedule, banks: &[BankPlan]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut entered: HashMap<BankRef, usize> = HashMap::new();
    let mut ran: HashMap<BankRef, usize> = HashMap::new();
    let (mut read, mut ports) = (HashSet::new(), HashSet::new());
    for (at, step) in schedule.steps.iter().enumerate() {
        match step {
            Step::Read(r) => {
                let bank = schedule.reads[*r].bank;
                if entered.contains_key(&bank) {
                    faults.push(format!("step {at}: ports of {bank:?} arrive after it was entered"));
                }
                if !read.insert(bank) {
                    faults.push(format!("step {at}: {bank:?} is read twice"));
                }
            }
            Step::Enter(b) => {
                if entered.insert(*b, at).is_some() {
                    faults.push(format!("step {at}: {b:?} is entered twice"));
                }
            }
            Step::Key(k) => {
                let k = &schedule.keys[*k];
                if (!k.late && !entered.contains_key(&k.from.bank)) || ran.contains_key(&k.bank) {
                    faults.push(format!("step {at}: a side-chain of {:?} from {:?} is out of order", k.bank, k.from.bank));
                }
            }
            Step::Keep(k) => {
                let k = &schedule.keys[*k];
                if !entered.contains_key(&k.from.bank) {
                    faults.push(format!("step {at}: {:?} is kept before it is entered", k.from.bank));
                }
            }
            Step::Back(l) => {
                if ran.contains_key(&schedule.loops[*l].bank) {
                    faults.push(format!("step {at}: a loop comes back to {:?} after it ran", schedule.loops[*l].bank));
                }
            }
            Step::Send(l) => {
                let l = &schedule.loops[*l];
                if !ran.contains_key(&l.bank) {
                    faults.push(format!("step {at}: a loop of {:?} goes out before it ran", l.bank));
                }
                if !ports.insert(l.send) {
                    faults.push(format!("step {at}: port {} is written twice", l.send));
                }
            }
            Step::Run(b) => {
                if !entered.contains_key(b) {
                    faults.push(format!("step {at}: {b:?} runs before it is entered"));
                }
                if ran.insert(*b, at).is_some() {
                    faults.push(format!("step {at}: {b:?} runs twice"));
                }
            }
            Step::Mix(m) => {
                let m = &schedule.mixes[*m];
                if !ran.contains_key(&m.from) {
                    faults.push(format!("step {at}: {:?} is mixed before it ran", m.from));
                }
                if entered.contains_key(&BankRef::Wide(m.to)) {
                    faults.push(format!("step {at}: a mix into buses.{} comes after it was entered", m.to));
                }
            }
            Step::Write(p) | Step::Tap(p) => {
                if !ran.contains_key(&p.bank) {
                    faults.push(format!("step {at}: {:?} is written before it ran", p.bank));
                }
                if !ports.insert(p.port) {
                    faults.push(format!("step {at}: port {} is written twice", p.port));
                }
            }
        }
    }
    faults.extend(banks.iter().filter(|b| !ran.contains_key(&b.bank)).map(|b| format!("{:?} never runs", b.bank)));
    faults
}
