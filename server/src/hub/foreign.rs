//! Foreign addresses: `[[osc.map]]` binds what another app sends (`/1/fader1`) to an address of the console, both ways.
//!
//! Who sends or asks for a foreign address is told all of them from then on, for a minute after its last packet or as long as
//! its connection lasts; a peer of the rig with `map = true` is told always. A map is a name and nothing more: its intents
//! meet the role of their client as any other, see [`super::roles`].

use super::client::{Sort, WATCHERS, Way};
use super::mixer::Mixer;
use super::view::View;
use super::{By, Hub};
use crate::rig::settings::OscMap;
use headroom_dsp::param::Access;
use headroom_dsp::tree::ParamId;
use headroom_protocol::address::{AddressSpace, Target};
use headroom_protocol::coerce;
use headroom_protocol::intent::{ClientId, Intent, Set};
use headroom_protocol::osc::decode::{self, Message};
use headroom_protocol::osc::encode::Arg;
use std::collections::{BTreeSet, HashMap};

/// Silence after which an app that came by datagrams is told no more, in nanoseconds.
const LEASE: u64 = 60_000_000_000;
/// Time between two tellings of values, in nanoseconds.
const VALUES: u64 = 33_000_000;
/// Time between two tellings of meters, in nanoseconds.
const METERS: u64 = 50_000_000;
/// Messages to one app at a time.
const AT_ONCE: usize = 32;

struct Map {
    from: Box<str>,
    target: Target,
    /// What the app sends at the ends of the travel; the parameter's own unit without it.
    range: Option<(f64, f64)>,
    meter: bool,
}

struct Listener {
    client: ClientId,
    owed: BTreeSet<usize>,
    due: u64,
    meters_due: u64,
    /// What was told of each meter last.
    meters: HashMap<usize, f32, foldhash::fast::FixedState>,
}

/// All maps, and who is told of them.
#[derive(Default)]
pub(super) struct Foreign {
    maps: Vec<Map>,
    by_address: HashMap<Box<str>, usize, foldhash::fast::RandomState>,
    by_param: HashMap<ParamId, Vec<usize>, foldhash::fast::FixedState>,
    listeners: Vec<Listener>,
    /// Who hears for the client whose message is carried out.
    ear: Option<ClientId>,
}

impl Foreign {
    pub fn new(maps: &[OscMap], space: &AddressSpace) -> Foreign {
        let mut foreign = Foreign::default();
        foreign.rebuild(maps, space);
        foreign
    }

    /// Other maps, or the same over another tree. Who is told stays, and is told all of it.
    pub fn rebuild(&mut self, maps: &[OscMap], space: &AddressSpace) {
        // One that leads nowhere is an error of the rig, so there is none here.
        let map = |map: &OscMap| {
            let target = space.target(&map.to)?;
            let meter = space.decl(target.param).access == Access::Meter;
            Some(Map { from: map.from.as_str().into(), target, range: map.range, meter })
        };
        self.maps = maps.iter().filter_map(map).collect();
        self.by_address = self.maps.iter().enumerate().map(|(at, map)| (map.from.clone(), at)).collect();
        self.by_param.clear();
        for (at, map) in self.maps.iter().enumerate() {
            self.by_param.entry(map.target.param).or_default().push(at);
        }
        let all = self.values();
        self.listeners.iter_mut().for_each(|l| l.owed.clone_from(&all));
    }

    fn values(&self) -> BTreeSet<usize> {
        (0..self.maps.len()).filter(|at| !self.maps[*at].meter).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.maps.is_empty()
    }

    /// Tells a client from now on, present values first.
    pub fn listen(&mut self, client: ClientId) {
        if self.listeners.len() >= WATCHERS || self.listeners.iter().any(|l| l.client == client) {
            return;
        }
        let owed = self.values();
        self.listeners.push(Listener { client, owed, due: 0, meters_due: 0, meters: HashMap::default() });
    }

    pub fn forget(&mut self, client: ClientId) {
        self.listeners.retain(|l| l.client != client);
    }

    /// A parameter changed.
    #[inline]
    pub fn changed(&mut self, param: ParamId, maker: Option<ClientId>) {
        let Some(maps) = self.by_param.get(&param) else { return };
        let others = self.listeners.iter_mut().filter(|l| Some(l.client) != maker);
        others.for_each(|l| l.owed.extend(maps));
    }

    fn owe(&mut self, client: ClientId, maps: impl Iterator<Item = usize>) {
        if let Some(listener) = self.listeners.iter_mut().find(|l| l.client == client) {
            listener.owed.extend(maps);
        }
    }

    /// When there is something to tell, if nothing else happens.
    pub fn due(&self) -> u64 {
        let meters = self.maps.iter().any(|m| m.meter);
        let due = |l: &Listener| {
            let values = if l.owed.is_empty() { u64::MAX } else { l.due };
            if meters { values.min(l.meters_due) } else { values }
        };
        self.listeners.iter().map(due).min().unwrap_or(u64::MAX)
    }
}

impl Map {
    /// The value that the arguments of the app mean.
    fn read(&self, message: &Message<'_>, space: &AddressSpace) -> Result<Set, String> {
        let decl = space.decl(self.target.param);
        let number = match (self.range, message.args.clone().next()) {
            (Some(range), Some(decode::Arg::Float(x))) => Some((range, f64::from(x))),
            (Some(range), Some(decode::Arg::Int(i))) => Some((range, f64::from(i))),
            (Some(range), Some(decode::Arg::Double(x))) => Some((range, x)),
            _ => None,
        };
        let coerced = match number {
            Some(((low, high), x)) => {
                let travel = ((x - low) / (high - low)).clamp(0.0, 1.0);
                // More arguments than one are refused as everywhere.
                let behind = message.args.skip(1);
                coerce::norm(decl, std::iter::once(decode::Arg::Double(travel)).chain(behind))
            }
            None if self.target.norm => coerce::norm(decl, message.args),
            None => coerce::plain(decl, message.args, space.rate()),
        };
        let coerce::Coerced { value, clamped } = coerced.map_err(|refused| refused.reason)?;
        Ok(Set { target: self.target, value, clamped })
    }

    /// The present value as the app has it: numbers as `f`, which every app takes.
    fn told(&self, view: &View<'_>) -> Vec<Arg> {
        let target = if self.range.is_some() { Target { norm: true, ..self.target } } else { self.target };
        let float = |arg| match (arg, self.range) {
            (Arg::Float(travel), Some((low, high))) => Arg::Float((low + f64::from(travel) * (high - low)) as f32),
            (Arg::Int(i), _) => Arg::Float(i as f32),
            (other, _) => other,
        };
        view.told(target).map(float).collect()
    }
}

impl<M: Mixer> Hub<M> {
    /// Carries out a message to a foreign address; false where it is none.
    pub(super) fn foreign(&mut self, by: By, message: &Message<'_>, now: u64) -> bool {
        let Some(at) = self.foreign.by_address.get(message.address).copied() else { return false };
        let target = self.foreign.maps[at].target;
        if !self.may_read(by, target.param) {
            self.error(by.client, message.address, headroom_protocol::address::sight::UNKNOWN, now);
            return true;
        }
        let ear = self.foreign_ear(by.client).unwrap_or_else(|| self.ear(by.client));
        self.foreign.listen(ear);
        if message.args.is_empty() {
            self.foreign.owe(ear, std::iter::once(at));
            return true;
        }
        match self.foreign.maps[at].read(message, &self.space) {
            Ok(set) => {
                // What was sent does not hold: the app is told what does. Other names of the same are told in any case.
                let stays = set.clamped || !self.may_write(by, target.param);
                self.foreign.ear = Some(ear);
                self.ask_of(by, message.address, Intent::Set(set), now);
                self.foreign.ear = None;
                let all = self.foreign.by_param.get(&target.param).cloned().unwrap_or_default();
                self.foreign.owe(ear, all.into_iter().filter(|other| stays || *other != at));
            }
            Err(reason) => self.error(by.client, message.address, &reason, now),
        }
        true
    }

    /// Who hears for the client whose foreign message is carried out.
    pub(super) fn hears_foreign(&self) -> Option<ClientId> {
        self.foreign.ear
    }

    /// The only peer of a client's host that is told foreign addresses: an app that listens elsewhere than it sends from.
    fn foreign_ear(&self, from: ClientId) -> Option<ClientId> {
        let host = self.clients.get(from).filter(|c| matches!(c.way, Way::Udp(_)))?.way.host()?.to_canonical();
        let of_host = |l: &&Listener| {
            let peer = self.clients.get(l.client).filter(|c| matches!(c.way, Way::Peer(_)));
            peer.and_then(|c| c.way.host()).is_some_and(|other| other.to_canonical() == host)
        };
        let mut peers = self.foreign.listeners.iter().filter(of_host);
        peers.next().filter(|_| peers.next().is_none()).map(|l| l.client)
    }

    /// Tells apps what they are owed.
    pub(super) fn tell_foreign(&mut self, now: u64) {
        if self.foreign.is_empty() || self.foreign.due() > now {
            return;
        }
        let Hub { mixer, space, board, clients, out, standing, foreign, roles, .. } = self;
        let frame = mixer.frame_now();
        let view = View { space, desk: mixer.desk(), board, meters: mixer.meters(), standing, frame, ids: false };
        let Foreign { maps, listeners, .. } = foreign;
        listeners.retain(|listener| {
            let Some(client) = clients.get(listener.client) else { return false };
            !matches!(client.way, Way::Udp(_)) || client.seen + LEASE > now
        });
        for listener in listeners {
            let Some(client) = clients.get_mut(listener.client) else { continue };
            let sight = roles.sight(client.role, space);
            let mut tell = |map: &Map, args: Vec<Arg>| {
                let begun = out.message(&map.from, args);
                let may = client.take(out.length(begun), Sort::Subscribed, now);
                if may {
                    out.commit(begun, listener.client)
                } else {
                    out.cancel(begun)
                }
                may
            };
            if listener.due <= now {
                for _ in 0..AT_ONCE {
                    let Some(at) = listener.owed.pop_first() else { break };
                    let map = &maps[at];
                    if sight.sees(map.target.param) && !tell(map, map.told(&view)) {
                        listener.owed.insert(at);
                        break;
                    }
                }
                listener.due = now + if listener.owed.is_empty() { VALUES } else { super::TURN };
            }
            if listener.meters_due <= now {
                listener.meters_due = now + METERS;
                for (at, map) in maps.iter().enumerate().filter(|(_, m)| m.meter && sight.sees(m.target.param)) {
                    let args = map.told(&view);
                    let Some(Arg::Float(level)) = args.first() else { continue };
                    let (level, before) = (*level, listener.meters.get(&at));
                    if before != Some(&level) && tell(map, args) {
                        listener.meters.insert(at, level);
                    }
                }
            }
        }
    }
}
