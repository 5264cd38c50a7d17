//! What is asked of the hub, and what it tells: the only words between surfaces and hub.
//!
//! Every dialect (native OSC, WebSocket, X32, MIDI) turns what arrives into [`Intent`]s and
//! [`Change`]s into what leaves. [`parse`] does it for native OSC. A set at an exact address, the
//! bulk of all traffic, is two hashes and no allocation; everything else takes the second look, in
//! [`command`].

pub mod command;
pub mod scene;

use crate::address::{Sight, Target, quoted};
use crate::coerce::{self, Coerced, Refused};
use crate::osc::decode::{Args, Bundle, Message, Packet};
use crate::osc::time::IMMEDIATE;
use crate::pattern::{Pattern, is_pattern};
use headroom_dsp::desk::fade::Shape;
use headroom_dsp::param::Value;
use headroom_dsp::tree::ParamId;
use std::fmt;
use std::time::Duration;

/// Most messages in a bundle, those of inner bundles included.
pub const MAX_MESSAGES: usize = 4_096;

/// Most addresses that the patterns of one packet may reach; more than any console has.
pub const MAX_MATCHES: usize = 65_536;

/// Most bytes of an address that an error repeats.
const ECHOED: usize = 150;

/// A wish of a surface or client.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Tell one value, as a plain message.
    Ask(Target),
    /// Tell the values that a pattern reached, as bundles.
    AskAll(Vec<Target>),
    /// Set one value.
    Set(Set),
    /// Set what a pattern reached and what can hold the value; why the first of the others could not.
    SetAll(Vec<Set>, Option<String>),
    /// Move a value over time.
    Fade(Fade),
    /// Tell values now and whenever they change.
    Subscribe(Box<Subscribe>),
    /// End the subscription of this pattern, or all.
    Unsubscribe(Option<Box<str>>),
    /// Tell what changed since a revision, or everything subscribed.
    Sync(Option<u64>),
    /// Answer to this port of the client's host; 0 is the port it sends from.
    ClientPort(u16),
    /// Tell who is on, from this place in the list.
    Clients(usize),
    /// Tell addresses by id to this client, or by number again.
    ClientIds(bool),
    /// Send these bytes back, a whole message, when all that came before has reached the engine.
    Ping(Box<[u8]>),
    /// Take the role of this token, or tell which role it is.
    Login(Option<Secret>),
    /// Tell name, version, rig, rate, period, revision.
    Info,
    /// Tell how the server is.
    Status,
    /// Count times, xruns and costs anew.
    StatusReset,
    /// Every solo off.
    SoloClear,
    /// One beat of the tempo.
    Tap,
    /// Read the rig file again.
    RigReload,
    /// Tell the names and descriptions of all presets.
    PresetList,
    /// Set a strip's processors as a preset says.
    PresetLoad {
        /// The strip as it was named: an id, `ch/3`, `main`.
        strip: Box<str>,
        /// The preset.
        name: Box<str>,
    },
    /// Write what a strip's processors are set to as a preset.
    PresetSave {
        /// The strip as it was named.
        strip: Box<str>,
        /// The preset.
        name: Box<str>,
    },
    /// What is asked of the scenes.
    Scene(Box<scene::Scene>),
    /// Keep what matches a pattern, and all below it, out of recalls, or no longer; `None`: tell what was said.
    Safe(Option<(Box<str>, bool)>),
    /// Take back the last change of this client, or the last recall of anybody.
    Undo {
        /// The recall.
        recall: bool,
    },
    /// Do again what this client took back.
    Redo,
    /// Bind the next control that is touched, of this surface or of any, to the next parameter that moves.
    MidiLearn(Option<Box<str>>),
    /// Forget what a surface has learned.
    MidiForget(Box<str>),
    /// A button that works on being pressed was let go.
    Nothing,
    /// Several that take effect in one frame.
    Bundle(Box<Group>),
}

/// What must not be told again: it does not show in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Box<str>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A value for a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// The parameter, and how the sender named it.
    pub target: Target,
    /// The value in the parameter's unit, within its limits, also for `/norm/…`.
    pub value: Value,
    /// It is a limit and not what was sent: the sender is told.
    pub clamped: bool,
}

/// A timed move along the taper.
#[derive(Clone, Debug, PartialEq)]
pub struct Fade {
    /// The parameter, where the value goes, and whether that is a limit.
    pub to: Set,
    /// How long.
    pub time: Duration,
    /// Shape over time.
    pub shape: Shape,
}

/// A standing wish to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribe {
    /// The pattern as it was sent; `/unsubscribe` names it so.
    pub text: Box<str>,
    /// The same, compiled. Matched anew after a reload.
    pub pattern: Pattern,
    /// For how long after the client's last packet, 1 … 60 s. Connections have no lease.
    pub lease: Duration,
    /// At most this many times a second, up to 100; `None` is the default for values or meters.
    pub rate_hz: Option<f32>,
}

/// Intents that take effect together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// NTP time tag; [`IMMEDIATE`] is at once.
    pub time: u64,
    /// In the order of the packet. One that failed leaves the others as they are. A bundle in a
    /// bundle is an item only if it is due later.
    pub items: Vec<Result<Intent, Error>>,
}

/// Why a message is no intent: the arguments of `/error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The address that was sent, cut to what may be echoed.
    pub address: Box<str>,
    /// The reason in words.
    pub reason: Box<str>,
}

impl Error {
    /// An error about a message to `address`.
    pub fn new(address: &str, reason: impl Into<Box<str>>) -> Error {
        Error { address: address[..address.floor_char_boundary(ECHOED)].into(), reason: reason.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.reason)
    }
}

impl std::error::Error for Error {}

/// Someone the hub serves: an address and port, a connection, a surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u32);

/// Something that happened, as the hub tells everybody but its maker.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The parameter.
    pub param: ParamId,
    /// The value that holds now.
    pub value: Value,
    /// The revision that this change made.
    pub revision: u64,
    /// Who made it; `None` for the console itself (a reload, a link, a recall).
    pub maker: Option<ClientId>,
}

/// The intent of a message, of a client that sees this much of the console.
///
/// # Errors
///
/// [`Error`] for unknown addresses, refused arguments and commands used wrongly.
#[inline]
pub fn parse<'s>(message: &Message<'_>, space: impl Into<Sight<'s>>) -> Result<Intent, Error> {
    let mut budget = MAX_MATCHES;
    parse_within(message, space.into(), &mut budget)
}

/// The intent of a whole packet; a bundle is one [`Intent::Bundle`], whatever became of its messages.
///
/// # Errors
///
/// [`Error`] as [`parse`], and for bundles of more than [`MAX_MESSAGES`].
pub fn parse_packet<'s>(packet: &Packet<'_>, space: impl Into<Sight<'s>>) -> Result<Intent, Error> {
    let space = space.into();
    match packet {
        Packet::Message(message) => parse(message, space),
        Packet::Bundle(bundle) => {
            if bundle.message_count() > MAX_MESSAGES {
                return Err(Error::new("#bundle", format!("more than {MAX_MESSAGES} messages")));
            }
            let mut budget = MAX_MATCHES;
            Ok(Intent::Bundle(Box::new(group(bundle, space, &mut budget))))
        }
    }
}

/// Depth is bounded by the decoder.
fn group(bundle: &Bundle<'_>, space: Sight<'_>, budget: &mut usize) -> Group {
    let time = bundle.time.max(IMMEDIATE);
    let mut items = Vec::new();
    for element in bundle.elements() {
        match element {
            Packet::Message(message) => items.push(parse_within(&message, space, budget)),
            Packet::Bundle(inner) => {
                let inner = group(&inner, space, budget);
                if inner.time == time {
                    items.extend(inner.items);
                } else {
                    items.push(Ok(Intent::Bundle(Box::new(inner))));
                }
            }
        }
    }
    Group { time, items }
}

/// `budget` is how many addresses patterns may still reach.
#[inline]
fn parse_within(message: &Message<'_>, space: Sight<'_>, budget: &mut usize) -> Result<Intent, Error> {
    match space.target(message.address) {
        Some(target) => on_target(target, message.args, space).map_err(|r| Error::new(message.address, r.reason)),
        None => elsewhere(message, space, budget).map_err(|reason| Error::new(message.address, reason)),
    }
}

#[inline]
fn on_target(target: Target, args: Args<'_>, space: Sight<'_>) -> Result<Intent, Refused> {
    if !args.is_empty() {
        return set(target, args, space).map(Intent::Set);
    }
    if target.norm && !space.has_travel(target.param) {
        return Err(Refused { reason: coerce::NO_TRAVEL.into() });
    }
    Ok(Intent::Ask(target))
}

#[inline]
fn set(target: Target, args: Args<'_>, space: Sight<'_>) -> Result<Set, Refused> {
    let decl = space.decl(target.param);
    let coerced = if target.norm { coerce::norm(decl, args) } else { coerce::plain(decl, args, space.rate()) };
    coerced.map(|Coerced { value, clamped }| Set { target, value, clamped })
}

/// Commands, patterns, and what is neither.
#[cold]
fn elsewhere(message: &Message<'_>, space: Sight<'_>, budget: &mut usize) -> Result<Intent, String> {
    if let Some(command) = command::named(message.address) {
        return command.parse(message, space);
    }
    if !is_pattern(message.address) {
        if space.is_terse() {
            return Err(space.explain(message.address));
        }
        let word = message.address.trim_start_matches('/');
        let commands = command::COMMANDS.iter().map(|c| c.address.trim_start_matches('/'));
        return Err(match crate::address::nearest(word, commands) {
            Some(near) => format!("unknown address: did you mean /{near}?"),
            None => space.explain(message.address),
        });
    }
    let pattern = Pattern::parse(message.address).map_err(|bad| bad.to_string())?;
    let targets = space.targets(&pattern, budget.saturating_add(1));
    *budget = budget.checked_sub(targets.len()).ok_or_else(|| format!("patterns reach more than {MAX_MATCHES} addresses"))?;
    if targets.is_empty() {
        return Err("no address matches".into());
    }
    if message.args.is_empty() {
        return Ok(Intent::AskAll(targets));
    }
    let mut refused = None;
    let mut sets = Vec::with_capacity(targets.len());
    for target in targets {
        match set(target, message.args, space) {
            Ok(set) => sets.push(set),
            Err(reason) => refused = refused.or(Some((target, reason))),
        }
    }
    match refused {
        Some((target, Refused { reason })) => {
            let reason = format!("{}: {reason}", space.canonical_of(target));
            if sets.is_empty() { Err(reason) } else { Ok(Intent::SetAll(sets, Some(reason))) }
        }
        None => Ok(Intent::SetAll(sets, None)),
    }
}

/// A pattern named in an argument: it can be compiled, and where it has no wildcards it is there.
fn pattern(text: &str, space: Sight<'_>) -> Result<Pattern, String> {
    let pattern = Pattern::parse(text).map_err(|bad| format!("{} {bad}", quoted(text)))?;
    if !is_pattern(text) && space.target(text).is_none() {
        return Err(space.explain(text));
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests;
