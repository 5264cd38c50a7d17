//! Commands: what is asked of the hub beyond values.

use super::client::{PING_BYTES, WATCHERS, WATCHERS_OF_A_HOST, Way};
use super::mixer::Mixer;
use super::surfaces::SurfaceCommand;
use super::watch::{METERS_HZ, VALUES_HZ, Wish};
use super::{By, Hub, Ping};
use headroom_dsp::desk::fade::Shape;
use headroom_dsp::param::Value;
use headroom_dsp::tree::{Owner, ParamId};
use headroom_protocol::intent::{ClientId, Fade, Intent, Subscribe};
use headroom_protocol::osc::encode::Arg;

/// Pings of one client that may wait.
const PINGS: usize = 64;

impl<M: Mixer> Hub<M> {
    /// A command; the reason where it fails.
    pub(super) fn command(&mut self, by: By, command: Intent, now: u64) -> Result<(), String> {
        let from = by.client;
        match command {
            Intent::Info => self.info(from, now),
            Intent::Ping(message) => self.ping(from, message),
            Intent::Login(token) => return self.login(by, token, now),
            Intent::Status => self.status(by, now),
            Intent::StatusReset => self.reset_status(from, now),
            Intent::Subscribe(wish) => return self.subscribe(from, *wish, now),
            Intent::Unsubscribe(text) => return self.unsubscribe(from, text.as_deref(), now),
            Intent::Sync(seen) => return self.sync(from, seen),
            Intent::ClientPort(port) => return self.port(from, port, now),
            Intent::Clients(at) => self.list_clients(from, at, now),
            Intent::ClientIds(on) => self.ids(from, on, now),
            Intent::Fade(fade) => return self.fade(from, &fade, now),
            Intent::SoloClear => self.clear_solo(by, now),
            Intent::Tap => self.tap(from, now),
            Intent::RigReload => {
                let later = self.reload()?;
                self.reply(from, "/rig/reload", later.into_iter().map(Arg::from), now);
            }
            Intent::PresetList => self.list_presets(from, now),
            Intent::PresetLoad { strip, name } => return self.load_preset(by, &strip, &name, now),
            Intent::PresetSave { strip, name } => return self.save_preset(from, &strip, &name),
            Intent::Scene(scene) => return self.scene(by, *scene, now),
            Intent::Safe(rule) => return self.safe(by, rule, now),
            Intent::Undo { recall } => return self.undo(by, recall, now),
            Intent::Redo => return self.redo(by, now),
            Intent::MidiLearn(port) => return self.wish_surfaces(from, SurfaceCommand::Learn(port.map(String::from))),
            Intent::MidiForget(port) => return self.wish_surfaces(from, SurfaceCommand::Forget(port.into())),
            // Values are not commands, and a bundle is unpacked before it comes here.
            Intent::Nothing | Intent::Bundle(_) => {}
            Intent::Ask(_) | Intent::AskAll(_) | Intent::Set(_) | Intent::SetAll(..) => {}
        }
        Ok(())
    }

    fn info(&mut self, from: ClientId, now: u64) {
        let format = self.mixer.format();
        let rig = self.mixer.desk().spec().name.clone();
        let numbers = [format.rate as i32, format.period as i32, self.revision].map(Arg::Int);
        let texts = [Arg::from("headroom"), Arg::from(env!("CARGO_PKG_VERSION")), Arg::from(rig)];
        self.reply(from, "/info", texts.into_iter().chain(numbers), now);
    }

    /// Answered when all that this client set before has reached the engine.
    fn ping(&mut self, from: ClientId, message: Box<[u8]>) {
        let desk = self.mixer.desk();
        let unsent = desk.is_dirty() || desk.needs_swap();
        let after = self.mixer.sent() + u64::from(unsent);
        let Some(client) = self.clients.get_mut(from) else { return };
        if client.pings >= PINGS || client.ping_bytes + message.len() > PING_BYTES {
            client.dropped += 1;
            self.counters.dropped += 1;
            return;
        }
        client.pings += 1;
        client.ping_bytes += message.len();
        self.pings.push(Ping { from, message, after });
    }

    fn subscribe(&mut self, from: ClientId, wish: Subscribe, now: u64) -> Result<(), String> {
        self.may_watch_more(from)?;
        let targets = self.sight_of(from).targets(&wish.pattern, usize::MAX);
        self.count_reach(targets.len() + self.all_looked_at())?;
        self.refresh(&targets, now);
        let client = self.clients.get(from).ok_or("unknown client")?;
        client.span.in_scope(|| tracing::debug!(pattern = &*wish.text, addresses = targets.len(), "subscribes"));
        let answer = vec![Arg::from(&*wish.text), Arg::Int(targets.len() as i32)];
        let rate = wish.rate_hz.map(f64::from);
        let wish = Wish {
            text: wish.text.into(),
            pattern: wish.pattern,
            lease: matches!(client.way, Way::Udp(_)).then_some(wish.lease.as_nanos() as u64),
            values_hz: rate.unwrap_or(VALUES_HZ),
            meters_hz: rate.unwrap_or(METERS_HZ),
        };
        let done = self.with_watch(from, |watch, hub| {
            if !watch.has_room_for_dump(targets.len()) || !watch.add(wish, hub.sight_of(from), &hub.board) {
                return Err("too many subscriptions".to_owned());
            }
            watch.dump(targets, Some(("/subscribe", answer)));
            Ok(())
        });
        done.unwrap_or(Ok(()))?;
        self.dumped(from);
        Ok(())
    }

    /// Subscriptions cost memory, so there is a limit to who may have some.
    fn may_watch_more(&self, from: ClientId) -> Result<(), String> {
        if self.watching.contains(&from) {
            return Ok(());
        }
        let host = |id: &ClientId| self.clients.get(*id).and_then(|c| c.way.host()).map(|host| host.to_canonical());
        let own = host(&from);
        let others = self.watching.iter().filter(|id| own.is_some() && host(id) == own).count();
        if self.watching.len() >= WATCHERS || others >= WATCHERS_OF_A_HOST {
            return Err("too many clients have subscriptions".into());
        }
        Ok(())
    }

    /// What a look at every address of a client costs, in addresses reached.
    pub(super) fn all_looked_at(&self) -> usize {
        self.space.len() / 8
    }

    fn unsubscribe(&mut self, from: ClientId, text: Option<&str>, now: u64) -> Result<(), String> {
        self.count_reach(self.all_looked_at())?;
        let gone = self.with_watch(from, |watch, hub| watch.remove(text, hub.sight_of(from), &hub.board)).unwrap_or(false);
        if let (false, Some(_)) = (gone, text) {
            return Err("not subscribed".into());
        }
        self.reply(from, "/unsubscribe", text.map(Arg::from), now);
        Ok(())
    }

    fn sync(&mut self, from: ClientId, seen: Option<u64>) -> Result<(), String> {
        self.count_reach(self.all_looked_at())?;
        // What changed in this round has no revision yet.
        self.distribute();
        let (first, last) = (self.first_revision, self.revision);
        let known = |r: &i32| r.wrapping_sub(first) >= 0 && last.wrapping_sub(*r) >= 0;
        let seen = seen.map(|s| s as i32).filter(known);
        let done = self.with_watch(from, |watch, hub| {
            if watch.is_empty() {
                return Err("nothing is subscribed".to_owned());
            }
            let missed = watch.missed(seen, &hub.changed);
            if !watch.has_room_for_dump(missed.len()) {
                return Err("what was asked for before is still under way".to_owned());
            }
            let count = Arg::Int(missed.len() as i32);
            watch.dump(missed, Some(("/sync", vec![count])));
            Ok(())
        });
        done.unwrap_or(Ok(()))?;
        self.dumped(from);
        Ok(())
    }

    /// Present values go out at once: what the same client sends next must not show in them.
    fn dumped(&mut self, id: ClientId) {
        let seen = self.clients.get(id).map(|c| c.seen);
        if let Some(now) = seen {
            self.pump(id, now);
        }
    }

    fn port(&mut self, from: ClientId, port: u16, now: u64) -> Result<(), String> {
        let client = self.clients.get_mut(from).ok_or("unknown client")?;
        if !matches!(client.way, Way::Udp(_)) {
            return Err("answers on a connection stay on it".into());
        }
        client.port = (port != 0).then_some(port);
        self.reply(from, "/client/port", [Arg::Int(port.into())], now);
        Ok(())
    }

    fn ids(&mut self, from: ClientId, on: bool, now: u64) {
        if let Some(client) = self.clients.get_mut(from) {
            client.ids = on;
        }
        self.reply(from, "/client/ids", [Arg::Int(on.into())], now);
    }

    fn fade(&mut self, from: ClientId, fade: &Fade, now: u64) -> Result<(), String> {
        let param = fade.to.target.param;
        let frame = self.timed.frame().unwrap_or_else(|| self.mixer.frame_now());
        let seconds = fade.time.as_secs_f64();
        let mut told = std::mem::take(&mut self.told);
        let moves = self.mixer.desk_mut().fade(param, &fade.to.value, seconds, fade.shape, frame, &mut told);
        if !moves {
            self.told = told;
            return Err("does not move continuously".into());
        }
        // What is linked, and what compensates, moves along.
        self.moving = self.mixer.desk().fading().collect();
        if !told.contains(&param) {
            told.push(param);
        }
        for id in told.drain(..) {
            // Its maker did not set where it is on the way, so it is told too.
            self.record(id, None);
        }
        self.told = told;
        if self.timed.is_handed() {
            self.concern(param);
        }
        let address = self.space.canonical_of(fade.to.target);
        let to = if fade.to.target.norm { self.space.decl(param).to_norm(&fade.to.value) } else { fade.to.value.as_f64() };
        let curve = match fade.shape {
            Shape::Linear => "linear",
            Shape::S => "s",
            Shape::Slow => "slow",
            Shape::Fast => "fast",
        };
        let answer = [Arg::from(address), Arg::Float(to as f32), Arg::Float(seconds as f32), Arg::from(curve)];
        self.reply(from, "/fade", answer, now);
        Ok(())
    }

    fn tap(&mut self, from: ClientId, now: u64) {
        let Some(id) = self.mixer.desk().tree().find(Owner::Console, "tempo") else { return };
        if let Some(bpm) = self.taps.tap(now) {
            // No client set the tempo itself, so all are told.
            self.store(id, &Value::Float(bpm), None);
        }
        let tempo = self.mixer.desk().get(id).as_f64();
        self.reply(from, "/tap", [Arg::Float(tempo as f32)], now);
    }

    pub(super) fn is_solo(&self, id: ParamId) -> bool {
        self.mixer.desk().tree().entry(id).path == "solo"
    }

    fn clear_solo(&mut self, by: By, now: u64) {
        let solos: Vec<ParamId> = self.space.params().filter(|id| self.is_solo(*id) && self.may_write(by, *id)).collect();
        for id in solos {
            // No client set these itself, so all are told.
            self.store(id, &Value::Bool(false), None);
        }
        self.reply(by.client, "/solo/clear", [], now);
    }
}
