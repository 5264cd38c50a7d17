//! MIDI learn, as clients ask for it.

use super::desk::Desk;
use super::host::Served;
use super::maps;
use crate::backend::realtime::monotonic_nanos;
use crate::hub::surfaces::SurfaceCommand;
use crate::net::Event;
use headroom_protocol::intent::ClientId;
use headroom_protocol::midi::MS;
use headroom_protocol::midi::map::{Does, Map};
use headroom_protocol::osc::encode::Arg;

/// How long something may take to be learned, in nanoseconds.
const LEARNING: u64 = 30_000 * MS;

impl Served {
    pub(super) fn wish(&mut self, from: ClientId, what: &SurfaceCommand) {
        let now = monotonic_nanos();
        match what {
            SurfaceCommand::Learn(port) => {
                if let Some((before, _)) = self.teaching.take() {
                    self.answer(before, "/midi/learn", Err("something else is to be learned".into()));
                }
                let wanted = |d: &&mut Desk| port.as_ref().is_none_or(|port| d.seats.iter().any(|s| s.name == *port));
                let mut desks = 0;
                for desk in self.desks.iter_mut().filter(wanted) {
                    desk.controller.learn(true);
                    desks += 1;
                }
                match desks {
                    0 => self.answer(from, "/midi/learn", Err(self.no_surface(port.as_deref()))),
                    _ => self.teaching = Some((from, now + LEARNING)),
                }
            }
            SurfaceCommand::Forget(port) => {
                let found = self.desks.iter_mut().find_map(|d| Some((d.seats.iter().position(|s| s.name == *port)?, d)));
                let Some((at, desk)) = found else {
                    return self.answer(from, "/midi/forget", Err(self.no_surface(Some(port))));
                };
                desk.controller.forget(at, &desk.remote);
                let saved = self.learned.save(port, &Map::default());
                let told =
                    saved.map(|()| vec![Arg::from(port.as_str())]).map_err(|e| format!("it comes back at the next start: {e}"));
                self.answer(from, "/midi/forget", told);
            }
        }
    }

    fn no_surface(&self, port: Option<&str>) -> String {
        let names: Vec<&str> = self.desks.iter().flat_map(|d| &d.seats).map(|s| s.name.as_str()).collect();
        match (port, names.as_slice()) {
            (_, []) => "the rig has no [[midi.surface]]".into(),
            (Some(port), _) => format!("no surface is called {port:?}; there are {}", names.join(", ")),
            (None, _) => "no surface is served".into(),
        }
    }

    /// What was learned is kept, and told to who asked for it.
    pub(super) fn finish_learning(&mut self, now: u64) {
        let Some((from, until)) = self.teaching else { return };
        let found = self.desks.iter_mut().find_map(|d| Some((d.controller.take_learned()?, &d.seats)));
        let result = match found {
            Some((learned, seats)) => {
                let name = seats[learned.port].name.clone();
                let (channel, key, number) = maps::words(learned.control.source);
                let Does::Move { address, .. } = &learned.control.does else { return };
                tracing::info!(surface = name, control = key, number, %address, "learned");
                let control = format!("{key} {number} on channel {}", channel + 1);
                let told = vec![Arg::from(name.as_str()), Arg::from(control), Arg::from(address.as_str())];
                self.learned.save(&name, &learned.map).map(|()| told).map_err(|e| format!("it is bound, but not saved: {e}"))
            }
            None if now > until => Err("no control was touched, or no parameter moved".into()),
            None => return,
        };
        self.teaching = None;
        self.desks.iter_mut().for_each(|desk| desk.controller.learn(false));
        self.answer(from, "/midi/learn", result);
    }

    fn answer(&self, to: ClientId, address: &'static str, result: Result<Vec<Arg>, String>) {
        self.mail.send(Event::Errand(Box::new(move |hub| hub.answer_surface(to, address, result, monotonic_nanos()))));
    }
}
