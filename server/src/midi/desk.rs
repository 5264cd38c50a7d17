//! One surface as it is served: its ports, its link to the hub, what it shows.

use super::alsa;
use super::host::{ACTIVE, REDRAW, SETTLE};
use crate::backend::midi::{LONGEST, Line};
use crate::console::Console;
use crate::net::{Event, LinkId, Mail};
use headroom_protocol::midi::controller::{Clock, Controller};
use headroom_protocol::midi::learn::Taught;
use headroom_protocol::midi::message::split;
use headroom_protocol::midi::remote::Remote;

/// One port of a surface.
pub(super) struct Seat {
    pub name: String,
    pub line: Option<usize>,
    /// Its port of the sequencer.
    pub alsa: Option<alsa::Port>,
    /// Cables that were ever made, as far as they were seen.
    pub made: u32,
    /// When it is to be greeted.
    pub greet_at: Option<u64>,
    pub open: bool,
}

/// One surface.
pub(super) struct Desk {
    pub number: u64,
    pub link: LinkId,
    pub remote: Remote,
    pub controller: Taught,
    pub seats: Vec<Seat>,
    pub drawn: u64,
    pub draw_at: u64,
    /// When something was last sent: there may be more when the cable is free.
    pub sent: u64,
}

impl Desk {
    /// Takes what came, sends what is due. True where anything did.
    pub fn serve(&mut self, lines: &mut [Line], mail: &Mail<Console>, now: u64, clock: Clock) -> bool {
        let mut touched = false;
        let mut buffer = [0; LONGEST];
        self.remote.tick(now);
        for (port, seat) in self.seats.iter_mut().enumerate() {
            if let Some(line) = seat.line.and_then(|line| lines.get_mut(line)) {
                touched |= seat.watch(line, port, &mut self.controller, &mut self.remote, now);
                while let Some(bytes) = line.receive(&mut buffer) {
                    self.controller.receive(port, bytes, &mut self.remote, now);
                    touched = true;
                }
            }
            while let Some(bytes) = seat.alsa.as_ref().and_then(alsa::Port::receive) {
                self.controller.receive(port, &bytes, &mut self.remote, now);
                touched = true;
            }
        }
        for wish in self.remote.take_wishes() {
            mail.send(Event::Packet(self.link, wish));
        }
        let moved = self.remote.take_moved();
        self.controller.moved(&moved, &self.remote);
        if let Some(error) = self.remote.take_error() {
            tracing::info!(surface = self.seats.first().map(|s| s.name.as_str()), "{error}");
        }
        if !self.seats.iter().any(|seat| seat.open) {
            return touched;
        }
        let due = touched || self.remote.changes() != self.drawn || now >= self.draw_at;
        if due {
            (self.drawn, self.draw_at) = (self.remote.changes(), now + REDRAW);
            self.controller.draw(&self.remote, now, clock);
        }
        if !due && now.saturating_sub(self.sent) > ACTIVE {
            return touched;
        }
        let mut out = Vec::new();
        for (port, seat) in self.seats.iter_mut().enumerate().filter(|(_, s)| s.open) {
            let mut line = seat.line.and_then(|line| lines.get_mut(line)).filter(|line| line.plug().cables() > 0);
            while line.as_ref().is_none_or(|line| line.has_room()) && self.controller.next(port, now, &mut out) {
                for message in split(&out) {
                    match (&mut line, &mut seat.alsa) {
                        (Some(line), _) => {
                            line.send(message);
                        }
                        (None, Some(alsa)) => alsa.send(message),
                        (None, None) => {}
                    }
                }
                out.clear();
                (self.sent, touched) = (now, true);
            }
        }
        touched
    }
}

impl Seat {
    /// Sees cables come and go. True where one came.
    fn watch(&mut self, line: &Line, port: usize, controller: &mut Taught, remote: &mut Remote, now: u64) -> bool {
        let (made, cables) = (line.plug().made(), line.plug().cables());
        if made != self.made {
            self.made = made;
            self.greet_at = Some(now + SETTLE);
            return true;
        }
        if cables == 0 {
            self.greet_at = None;
            if self.open && self.alsa.is_none() {
                self.gone(port, controller, remote);
            }
        }
        if cables > 0 && self.greet_at.is_some_and(|at| at <= now) {
            // JACK has the surface now; both at once would bring everything twice.
            (self.greet_at, self.alsa) = (None, None);
            self.came(port, controller, now);
        }
        false
    }

    pub fn came(&mut self, port: usize, controller: &mut Taught, now: u64) {
        tracing::info!(surface = self.name, "a surface is here");
        self.open = true;
        controller.plugged(port, now);
    }

    pub fn gone(&mut self, port: usize, controller: &mut Taught, remote: &mut Remote) {
        tracing::info!(surface = self.name, "a surface has gone; it is waited for");
        self.open = false;
        controller.unplugged(port);
        remote.let_go();
    }
}
