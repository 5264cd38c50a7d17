//! Scenes by message.

use super::message::effort;
use super::mixer::Mixer;
use super::roles::PermittedValues;
use super::undo::Sort;
use super::{By, Hub};
use crate::scene::{self, Plan, recall};
use headroom_dsp::desk::fade::Shape;
use headroom_dsp::param::Value;
use headroom_dsp::tree::ParamId;
use headroom_protocol::address::quoted;
use headroom_protocol::coerce;
use headroom_protocol::intent::ClientId;
use headroom_protocol::intent::scene::{Crossfade, MAX_NOTES, Scene};
use headroom_protocol::osc::encode::{Arg, DATAGRAM};

/// Bytes of an answer's arguments: the rest of a datagram is for its address and the types.
const ROOM: usize = DATAGRAM - 100;
/// Rules of `/safe` at most.
const RULES: usize = 256;

/// An answer that waits for the disk.
pub(super) struct Saving {
    job: u64,
    from: ClientId,
    address: &'static str,
    answer: Vec<Arg>,
}

/// Lists of one client that may wait.
const LISTS: usize = 8;

/// Who waits for the names of the scenes, and from which place in the order on.
#[derive(Default)]
pub(super) struct Lists {
    /// For those that are being read.
    reading: Vec<(ClientId, usize)>,
    /// For the next reading: they asked after this one had begun.
    next: Vec<(ClientId, usize)>,
}

/// Bytes that an argument takes in a message, its type included.
fn size(arg: &Arg) -> usize {
    match arg {
        Arg::String(text) => text.len() / 4 * 4 + 5,
        _ => 9,
    }
}

/// Adds groups of arguments as long as a datagram takes them; where it does not take all, the number of the next.
fn page(answer: &mut Vec<Arg>, from: usize, groups: impl Iterator<Item = Vec<Arg>>) {
    let mut left = ROOM.saturating_sub(answer.iter().map(size).sum());
    for (at, group) in groups.enumerate() {
        let bytes: usize = group.iter().map(size).sum();
        if bytes > left {
            answer.push(Arg::Int((from + at) as i32));
            return;
        }
        left -= bytes;
        answer.extend(group);
    }
}

/// Where somebody stands among the scenes.
#[derive(Clone, Debug, Default)]
pub struct Place {
    present: Option<String>,
    selected: Option<String>,
}

impl<M: Mixer> Hub<M> {
    pub(super) fn scene(&mut self, by: By, scene: Scene, now: u64) -> Result<(), String> {
        let moves = matches!(scene, Scene::Recall { .. } | Scene::Go | Scene::Next | Scene::Previous);
        match moves && !self.stands_for_all(by) {
            true => self.apart(by, |hub| hub.any_scene(by, scene, now)),
            false => self.any_scene(by, scene, now),
        }
    }

    /// Whether where a client stands is where the console stands: its role may set all that a scene can hold.
    fn stands_for_all(&self, by: By) -> bool {
        let desk = self.mixer.desk();
        let held = desk.tree().entries().iter().enumerate().filter(|(_, entry)| scene::is_held(desk.spec(), entry));
        held.into_iter().all(|(at, _)| self.may_write(by, ParamId(at as u32)))
    }

    /// Does something from where a client stands for itself: where the console stands, until it goes elsewhere.
    fn apart<R>(&mut self, by: By, what: impl FnOnce(&mut Self) -> R) -> R {
        let here = self.scenes.standing();
        let at_console = Place { present: here.present.clone(), selected: here.selected.clone() };
        let own = self.clients.get_mut(by.client).and_then(|c| c.place.take());
        let mut place = own.clone().unwrap_or_else(|| at_console.clone());
        self.scenes.exchange(&mut place.present, &mut place.selected);
        let done = what(self);
        self.scenes.exchange(&mut place.present, &mut place.selected);
        let moved = (&place.present, &place.selected) != (&at_console.present, &at_console.selected);
        if let Some(client) = self.clients.get_mut(by.client) {
            client.place = (own.is_some() || moved).then_some(place);
        }
        done
    }

    fn any_scene(&mut self, by: By, scene: Scene, now: u64) -> Result<(), String> {
        let from = by.client;
        match scene {
            Scene::Store { name, scope } => self.store_scene(by, &name, &scope, now),
            Scene::Recall { name, fade, scope } => {
                let within = self.within(by, &scope)?;
                let file = self.scenes.find(&name)?;
                self.recall_scene(by, &file, fade, within, "/scene/recall", now)
            }
            Scene::Go => {
                let within = self.within(by, &[])?;
                let file = self.scenes.upcoming()?;
                self.recall_scene(by, &file, None, within, "/scene/go", now)
            }
            Scene::Next => self.select(from, true, "/scene/next", now),
            Scene::Previous => self.select(from, false, "/scene/previous", now),
            Scene::Preview { name, from: at, scope } => self.preview(by, &name, at, &scope, now),
            Scene::List(at) => self.list_scenes(from, at, now),
            Scene::Rename { name, to } => {
                let file = self.scenes.find(&name)?;
                let before = self.scenes.name(&file);
                let job = self.scenes.rename(&file, &to)?;
                self.when_saved(from, job, "/scene/rename", vec![Arg::from(before), Arg::from(to.trim())], now);
                Ok(())
            }
            Scene::Delete(name) => {
                let file = self.scenes.find(&name)?;
                let name = self.scenes.name(&file);
                let job = self.scenes.delete(&file)?;
                self.when_saved(from, job, "/scene/delete", vec![Arg::from(name)], now);
                Ok(())
            }
            Scene::Move { name, place } => {
                let file = self.scenes.find(&name)?;
                let place = self.scenes.place(&file, place)?;
                let name = self.scenes.name(&file);
                self.reply(from, "/scene/move", [Arg::from(name), Arg::Int(place as i32)], now);
                Ok(())
            }
            Scene::Notes { name, notes } => {
                let file = self.scenes.find(&name)?;
                let job = match notes {
                    Some(notes) => self.scenes.describe(&file, |scene| scene.notes = notes.into())?,
                    None => None,
                };
                let scene = self.scenes.read(&file)?;
                let answer =
                    vec![Arg::from(scene.name.as_str()), Arg::from(&scene.notes[..scene.notes.floor_char_boundary(MAX_NOTES)])];
                self.when_saved(from, job, "/scene/notes", answer, now);
                Ok(())
            }
            Scene::Fade { name, fade } => {
                let file = self.scenes.find(&name)?;
                let job = match fade {
                    Some((time, shape)) => {
                        let fade = (!time.is_zero()).then_some((time.as_secs_f64(), shape));
                        self.scenes.describe(&file, |scene| scene.fade = fade)?
                    }
                    None => None,
                };
                let scene = self.scenes.read(&file)?;
                let (seconds, shape) = scene.fade.unwrap_or_default();
                let answer = vec![Arg::from(scene.name.as_str()), Arg::Float(seconds as f32), Arg::from(scene::curve(shape))];
                self.when_saved(from, job, "/scene/fade", answer, now);
                Ok(())
            }
        }
    }

    /// What a scope reaches for a client; everything where it names nothing.
    fn within(&mut self, by: By, scope: &[Box<str>]) -> Result<Option<Vec<bool>>, String> {
        // A scene is as much as a look at every address, and so is each pattern.
        let efforts: usize = scope.iter().map(|text| effort(text)).sum();
        self.count_reach(self.all_looked_at() * (1 + scope.len()) + efforts)?;
        recall::scoped(scope, self.roles.sight(by.role, &self.space))
    }

    fn list_scenes(&mut self, from: ClientId, at: usize, now: u64) -> Result<(), String> {
        if self.lists.next.iter().filter(|waits| waits.0 == from).count() >= LISTS {
            return Err(format!("{LISTS} lists of this client are under way"));
        }
        self.lists.next.push((from, at));
        self.answer_lists(now);
        Ok(())
    }

    /// Tells the names that have been read to those who wait for them.
    fn answer_lists(&mut self, now: u64) {
        loop {
            if self.lists.reading.is_empty() {
                if self.lists.next.is_empty() {
                    return;
                }
                self.lists.reading = std::mem::take(&mut self.lists.next);
                self.scenes.list();
            }
            let Some(names) = self.scenes.listed() else { return };
            for (from, at) in std::mem::take(&mut self.lists.reading) {
                let mut answer = Vec::new();
                page(&mut answer, at, names.iter().skip(at).map(|name| vec![Arg::from(name.as_str())]));
                self.reply(from, "/scene/list", answer, now);
            }
        }
    }

    fn store_scene(&mut self, by: By, name: &str, scope: &[Box<str>], now: u64) -> Result<(), String> {
        let within = self.within(by, scope)?;
        let desk = self.mixer.desk();
        let entries = desk.tree().entries().iter().enumerate();
        let held = entries.filter(|(at, entry)| scene::is_held(desk.spec(), entry) && within.as_ref().is_none_or(|w| w[*at]));
        let values: Vec<(ParamId, Value)> = held.map(|(at, _)| (ParamId(at as u32), desk.values()[at].clone())).collect();
        let (job, name, other) = self.scenes.store(name, &values)?;
        let mut answer = vec![Arg::from(name), Arg::Int(values.len() as i32)];
        answer.extend(other.map(|other| Arg::from(format!("in place of {}, which is the same file", quoted(&other)))));
        self.when_saved(by.client, job, "/scene/store", answer, now);
        Ok(())
    }

    fn select(&mut self, from: ClientId, forwards: bool, address: &str, now: u64) -> Result<(), String> {
        let file = self.scenes.step(forwards)?;
        let name = self.scenes.name(&file);
        self.scenes.stand().selected = Some(file);
        self.reply(from, address, [Arg::from(name)], now);
        Ok(())
    }

    fn plan(&mut self, by: By, file: &str, within: Option<&[bool]>) -> Result<Plan, String> {
        let scene = self.scenes.read(file)?;
        let mut plan = recall::plan(&scene, self.mixer.desk(), &self.space, self.scenes.standing(), within);
        plan.skipped.retain(|s| self.may_be_told(by, s.split(':').next().unwrap_or_default()));
        Ok(plan)
    }

    fn recall_scene(
        &mut self,
        by: By,
        file: &str,
        fade: Option<Crossfade>,
        within: Option<Vec<bool>>,
        address: &str,
        now: u64,
    ) -> Result<(), String> {
        let Plan { values, mut skipped, .. } = self.plan(by, file, within.as_deref())?;
        let scene = self.scenes.read(file)?;
        let fade = fade.map_or(scene.fade, |(time, shape)| Some((time.as_secs_f64(), shape)));
        let any = !values.is_empty();
        let values = self.permit_values(by, values);
        if any && values.all().is_empty() {
            return Err("this role may set nothing of it".into());
        }
        if values.withheld > 0 {
            skipped.insert(0, format!("{} that this role may not set", values.withheld));
        }
        let changed = self.change_many(&values, fade);
        let before = self.scenes.standing().clone();
        self.scenes.recalled(file);
        self.remember(by.client, Sort::Recall(scene.name.clone()), now);
        if self.stands_for_all(by) {
            self.remember_standing(by.client, before);
        }
        let mut answer = vec![Arg::from(scene.name.as_str()), Arg::Int(changed as i32)];
        page(&mut answer, 0, skipped.into_iter().map(|s| vec![Arg::from(s)]));
        self.reply(by.client, address, answer, now);
        Ok(())
    }

    /// What a recall that is still to come will set, where that does not take time.
    pub(super) fn recall_ahead(&mut self, by: By, scene: &Scene) -> Result<Vec<(ParamId, Value)>, String> {
        let (file, scope) = match scene {
            Scene::Recall { name, fade, scope } if fade.is_none_or(|f| f.0.is_zero()) => (self.scenes.find(name)?, &scope[..]),
            Scene::Go => {
                let file = match self.stands_for_all(by) {
                    true => self.scenes.upcoming()?,
                    false => self.apart(by, |hub| hub.scenes.upcoming())?,
                };
                (file, &[][..])
            }
            _ => return Ok(Vec::new()),
        };
        if self.scenes.read(&file)?.fade.is_some() && !matches!(scene, Scene::Recall { fade: Some(_), .. }) {
            return Ok(Vec::new());
        }
        let within = recall::scoped(scope, self.roles.sight(by.role, &self.space))?;
        let plan = self.plan(by, &file, within.as_deref())?;
        Ok(self.permit_values(by, plan.values).open())
    }

    /// Sets many parameters exactly, at once or over time: the one way of recalls, undo and redo. All of it reaches
    /// the engine in one batch. How many hold another value.
    pub(super) fn change_many(&mut self, values: &PermittedValues, fade: Option<(f64, Shape)>) -> usize {
        let values = values.all();
        let frame = self.timed.frame().unwrap_or_else(|| self.mixer.frame_now());
        let moving: Vec<ParamId> = self.moving.iter().map(|m| m.0).collect();
        let mut told = std::mem::take(&mut self.told);
        self.mixer.desk_mut().recall(values, fade, frame, &mut told);
        self.counters.sets += told.len() as u64;
        let changed = told.len();
        self.moving = self.mixer.desk().fading().collect();
        let gone_on = |id: &ParamId| self.moving.binary_search_by_key(id, |m| m.0).is_ok();
        // Present and target differ on the way, so where a way ends has to be told too.
        told.extend(moving.into_iter().filter(|id| !gone_on(id)));
        let started: Vec<ParamId> = self.moving.iter().map(|m| m.0).collect();
        for id in told.drain(..).chain(started) {
            // Nobody set these one by one, so all are told.
            self.record(id, None);
        }
        self.told = told;
        if self.timed.is_handed() {
            values.iter().for_each(|(id, _)| self.concern(*id));
        }
        changed
    }

    fn preview(&mut self, by: By, name: &str, at: usize, scope: &[Box<str>], now: u64) -> Result<(), String> {
        let within = self.within(by, scope)?;
        let file = self.scenes.find(name)?;
        let plan = self.plan(by, &file, within.as_deref())?;
        let name = self.scenes.name(&file);
        let changes = self.permit_values(by, plan.values).open();
        let desk = self.mixer.desk();
        let changes: Vec<&(ParamId, Value)> = changes.iter().filter(|(id, value)| desk.get(*id) != value).collect();
        let safe = plan.safe.iter().filter(|id| self.may_write(by, **id)).count();
        let numbers = [changes.len(), safe, plan.skipped.len()].map(|n| Arg::Int(n as i32));
        let mut answer = vec![Arg::from(name)];
        answer.extend(numbers);
        let group = |(id, value): &&(ParamId, Value)| {
            let decl = self.space.decl(*id);
            vec![Arg::from(self.space.canonical(*id)), coerce::answer(decl, desk.get(*id)), coerce::answer(decl, value)]
        };
        page(&mut answer, at, changes.iter().skip(at).map(group));
        self.reply(by.client, "/scene/preview", answer, now);
        Ok(())
    }

    /// Keeps what matches out of recalls, or tells what is.
    pub(super) fn safe(&mut self, by: By, rule: Option<(Box<str>, bool)>, now: u64) -> Result<(), String> {
        let from = by.client;
        let Some((text, on)) = rule else {
            let rules = self.scenes.standing().safe.clone();
            let mut answer = Vec::new();
            page(&mut answer, 0, rules.into_iter().map(|(text, on)| vec![Arg::from(text), Arg::Int(on.into())]));
            self.reply(from, "/safe", answer, now);
            return Ok(());
        };
        let reached = self.roles.sight(by.role, &self.space).below(&text)?.len();
        let mut rules = self.scenes.standing().safe.clone();
        rules.retain(|(known, _)| *known != *text);
        rules.push((text.to_string(), on));
        // What is said off before anything is said on says nothing.
        let first = rules.iter().position(|r| r.1).unwrap_or(rules.len());
        rules.drain(..first);
        if rules.len() > RULES {
            return Err(format!("{RULES} patterns are safe already; take some back"));
        }
        self.scenes.stand().safe = rules;
        self.reply(from, "/safe", [Arg::from(&*text), Arg::Int(on.into()), Arg::Int(reached as i32)], now);
        Ok(())
    }

    fn when_saved(&mut self, from: ClientId, job: Option<u64>, address: &'static str, answer: Vec<Arg>, now: u64) {
        match job {
            Some(job) => self.saving_scenes.push(Saving { job, from, address, answer }),
            None => self.reply(from, address, answer, now),
        }
    }

    /// Answers what has been written, and has saved where one stands.
    pub(super) fn answer_scenes(&mut self, now: u64) {
        self.answer_lists(now);
        while let Some(done) = self.scenes.done() {
            let waiting: Vec<Saving> = self.saving_scenes.extract_if(.., |s| s.job == done.job).collect();
            for Saving { from, address, answer, .. } in waiting {
                match &done.result {
                    Ok(()) => self.reply(from, address, answer, now),
                    Err(why) => {
                        let why = format!("cannot be saved yet: {why}; it holds here, and is tried again");
                        self.error(from, address, &why, now);
                    }
                }
            }
        }
        if self.scenes.take_changed() {
            let standing = self.scenes.standing().clone();
            self.mixer.stand(&standing);
        }
    }
}
