//! What others did to our cables: kept over all sessions, so that the next server gets the wiring that the last one had.

use std::collections::BTreeSet;

/// Cables of others that are remembered at most.
const MOST: usize = 1_024;

/// Our port's short name, and the other's full name.
pub(super) type Pair = (String, String);

/// Cables that the rig does not name but that are wanted, and those that it names but that are not.
#[derive(Debug, Default)]
pub(super) struct Wiring {
    made: BTreeSet<Pair>,
    pulled: BTreeSet<Pair>,
}

impl Wiring {
    /// Someone else connected a pair.
    pub(super) fn was_made(&mut self, pair: &Pair) {
        self.pulled.remove(pair);
        // Clients under ever new names must not fill the memory.
        if self.made.len() < MOST {
            self.made.insert(pair.clone());
        }
    }

    /// Someone took a pair apart whose ports both go on.
    pub(super) fn was_pulled(&mut self, pair: &Pair) {
        self.made.remove(pair);
        self.pulled.insert(pair.clone());
    }

    /// The other port has gone with its client: what comes under its name later gets its cables as the rig says.
    pub(super) fn has_gone(&mut self, pair: &Pair) {
        self.pulled.remove(pair);
    }

    /// One of our own ports has gone for good.
    pub(super) fn forget(&mut self, own: &str) {
        self.made.retain(|(mine, _)| mine != own);
        self.pulled.retain(|(mine, _)| mine != own);
    }

    /// What others connected one of our ports to.
    pub(super) fn made_to<'a>(&'a self, own: &'a str) -> impl Iterator<Item = &'a Pair> {
        self.made.iter().filter(move |(mine, _)| mine == own)
    }

    /// Whether this pair was taken apart by hand.
    pub(super) fn is_pulled(&self, pair: &Pair) -> bool {
        self.pulled.contains(pair)
    }

    /// What was taken apart by hand.
    pub(super) fn pulled(&self) -> impl Iterator<Item = &Pair> {
        self.pulled.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hand_wins() {
        let pair = |own: &str, other: &str| (own.to_owned(), other.to_owned());
        let mut wiring = Wiring::default();
        let (kick, snare) = (pair("in-kick", "band:1"), pair("in-snare", "band:2"));
        wiring.was_made(&kick);
        wiring.was_pulled(&snare);
        assert_eq!(wiring.made_to("in-kick").count(), 1);
        assert!(wiring.is_pulled(&snare) && !wiring.is_pulled(&kick));
        wiring.was_pulled(&kick);
        wiring.was_made(&snare);
        assert!(wiring.is_pulled(&kick) && !wiring.is_pulled(&snare));
        wiring.has_gone(&kick);
        assert_eq!(wiring.pulled().count(), 0);
        wiring.forget("in-snare");
        assert_eq!(wiring.made_to("in-snare").count(), 0);
    }
}
