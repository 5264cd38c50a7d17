//! The commands: one table, which parser and printed reference read alike.

use super::{Fade, Intent, Secret, Set, Subscribe, pattern, scene};
use crate::address::{Sight, quoted};
use crate::coerce::{self, Coerced};
use crate::osc::decode::{Arg, Args, Message};
use headroom_dsp::desk::fade::Shape;
use headroom_dsp::param::{Access, Kind};
use std::time::Duration;

/// Lease of a subscription that names none, s.
const LEASE_S: f64 = 10.0;
/// Longest lease, s.
const MAX_LEASE_S: f64 = 60.0;
/// Highest rate of a subscription, Hz.
const MAX_RATE_HZ: f64 = 100.0;
/// Lowest rate of a subscription, Hz.
const MIN_RATE_HZ: f64 = 0.1;
/// Longest fade, s: a day.
const MAX_FADE_S: f64 = 86_400.0;

/// One command.
pub struct Command {
    /// Its address.
    pub address: &'static str,
    /// Its arguments, as in the contract: `s:pattern [i:lease_s]`.
    pub args: &'static str,
    /// The arguments of its answer, at the same address.
    pub answer: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    parse: fn(&mut Reader<'_>, Sight<'_>) -> Result<Intent, String>,
}

/// All commands.
pub static COMMANDS: &[Command] = &[
    Command {
        address: "/info",
        args: "",
        answer: "s:name s:version s:rig i:rate i:period i:revision",
        doc: "What runs here",
        parse: |_, _| Ok(Intent::Info),
    },
    Command {
        address: "/ping",
        args: "…",
        answer: "…",
        doc: "Echoes its arguments when all that this client sent before has reached the engine",
        parse: ping,
    },
    Command {
        address: "/login",
        args: "[s:token]",
        answer: "s:role",
        doc: "Takes the role of this token, for this address and port or this connection; without one tells the role",
        parse: |reader, _| Ok(Intent::Login(reader.optional(Reader::text)?.map(|token| Secret(token.into())))),
    },
    Command {
        address: "/status",
        args: "",
        answer: "s:name value …",
        doc: "How the server is, in one message: what stands below /status, `-` for `/` in names (process-p99), but for ledger and banks",
        parse: |_, _| Ok(Intent::Status),
    },
    Command {
        address: "/status/reset",
        args: "",
        answer: "",
        doc: "Times, xruns, ledger and costs of banks below /status count anew",
        parse: |reader, _| Ok(reader.pressed(Intent::StatusReset)),
    },
    Command {
        address: "/subscribe",
        args: "s:pattern [i:lease_s] [f:rate_hz]",
        answer: "values, then /rev i:revision i:previous, then s:pattern i:addresses",
        doc: "Present values at once, then changes; a lease lasts 10 s (60 at most), any packet renews it; 30 Hz for values, 20 for meters, 100 at most",
        parse: subscribe,
    },
    Command {
        address: "/unsubscribe",
        args: "[s:pattern]",
        answer: "[s:pattern]",
        doc: "Ends one subscription, or all of this client",
        parse: |reader, _| Ok(Intent::Unsubscribe(reader.optional(Reader::text)?.map(Box::from))),
    },
    Command {
        address: "/sync",
        args: "[i:last_seen]",
        answer: "values, then /rev i:revision i:previous, then i:addresses",
        doc: "Every subscribed address that changed since a revision, or all",
        parse: sync,
    },
    Command {
        address: "/client/port",
        args: "i:port",
        answer: "i:port",
        doc: "Answers and subscriptions of this client go to that port of its host; 0: back to the source port",
        parse: client_port,
    },
    Command {
        address: "/clients",
        args: "[i:from]",
        answer: "s:from s:role s:name … [i:next]",
        doc: "Who is on: from where, with what role, and the name of a tablet that announced itself; where a number follows, more are told from there on",
        parse: clients,
    },
    Command {
        address: "/client/ids",
        args: "[i:on]",
        answer: "i:on",
        doc: "Addresses that this client is told carry ids (/ch/kick/fader) in place of numbers, as generated layouts bind them; 0: numbers again",
        parse: client_ids,
    },
    Command {
        address: "/fade",
        args: "s:address f:target f:seconds [s:curve]",
        answer: "s:address f:target f:seconds s:curve",
        doc: "Moves a value along its taper; curve linear, s, slow or fast",
        parse: fade,
    },
    Command {
        address: "/solo/clear",
        args: "",
        answer: "",
        doc: "Every solo off",
        parse: |reader, _| Ok(reader.pressed(Intent::SoloClear)),
    },
    Command {
        address: "/tap",
        args: "",
        answer: "f:tempo",
        doc: "A beat: sets /tempo to the mean of the last taps, four intervals at most; 3 s without one start anew",
        parse: |reader, _| Ok(reader.pressed(Intent::Tap)),
    },
    Command {
        address: "/rig/reload",
        args: "",
        answer: "",
        doc: "Reads the rig file again and goes over without a click",
        parse: |reader, _| Ok(reader.pressed(Intent::RigReload)),
    },
    Command {
        address: "/preset/list",
        args: "",
        answer: "s:name s:description …",
        doc: "All presets, built in and beside the rig file",
        parse: |_, _| Ok(Intent::PresetList),
    },
    Command {
        address: "/preset/load",
        args: "s:strip s:name",
        answer: "s:strip s:name i:values [s:skipped …]",
        doc: "Sets the processors that a preset names as it says, all in one frame; skipped are those that the strip's chain leaves out",
        parse: |reader, _| Ok(Intent::PresetLoad { strip: reader.text()?.into(), name: reader.text()?.into() }),
    },
    Command {
        address: "/preset/save",
        args: "s:strip s:name",
        answer: "s:strip s:name",
        doc: "Writes what a strip's processors are set to as a preset, to presets/ beside the rig file; answered when it is on the disk",
        parse: |reader, _| Ok(Intent::PresetSave { strip: reader.text()?.into(), name: reader.text()?.into() }),
    },
    Command {
        address: "/undo",
        args: "[s:recall]",
        answer: "s:what i:values",
        doc: "Takes back the last change of this client, or with \"recall\" the last recall of anybody; what was moved since stays",
        parse: scene::undo,
    },
    Command {
        address: "/redo",
        args: "",
        answer: "s:what i:values",
        doc: "Does again what this client took back",
        parse: |reader, _| Ok(reader.pressed(Intent::Redo)),
    },
    Command {
        address: "/safe",
        args: "[s:pattern i:on]",
        answer: "s:pattern i:on i:addresses, or s:pattern i:on …",
        doc: "Keeps what matches, and all below it, out of recalls; the latest word on an address holds; without arguments: all that was said",
        parse: scene::safe,
    },
    Command {
        address: "/scene/store",
        args: "s:name [s:scope …]",
        answer: "s:name i:values",
        doc: "Stores all values of strips, DCAs and mute groups as a scene, or those that the patterns of a scope reach; answered when it is on the disk; what fades is stored where it goes",
        parse: scene::store,
    },
    Command {
        address: "/scene/recall",
        args: "s:name [f:seconds [s:curve [s:scope …]]]",
        answer: "s:name i:changed [s:skipped …]",
        doc: "Recalls a scene in one frame, or over seconds along the tapers: mutes and sends open and close over the fade, all else that is no number changes as it begins; skipped is what the rig does not have",
        parse: scene::recall,
    },
    Command {
        address: "/scene/go",
        args: "",
        answer: "s:name i:changed [s:skipped …]",
        doc: "Recalls the selected scene, else the one behind the present one, in the time that the scene says",
        parse: scene::go,
    },
    Command {
        address: "/scene/next",
        args: "",
        answer: "s:name",
        doc: "Selects the next scene for /scene/go",
        parse: scene::next,
    },
    Command {
        address: "/scene/previous",
        args: "",
        answer: "s:name",
        doc: "Selects the previous scene for /scene/go",
        parse: scene::previous,
    },
    Command {
        address: "/scene/preview",
        args: "s:name [i:from [s:scope …]]",
        answer: "s:name i:changes i:safe i:skipped, s:address now then …, [i:next]",
        doc: "What a recall would change; where a last number follows, more are told from there on",
        parse: scene::preview,
    },
    Command {
        address: "/scene/list",
        args: "[i:from]",
        answer: "s:name … [i:next]",
        doc: "Names of all scenes, in order; where a number follows, more are told from there on",
        parse: scene::list,
    },
    Command {
        address: "/scene/rename",
        args: "s:name s:to",
        answer: "s:name s:to",
        doc: "Renames a scene",
        parse: scene::rename,
    },
    Command {
        address: "/scene/delete",
        args: "s:name",
        answer: "s:name",
        doc: "Deletes a scene; its file keeps the name .toml.1",
        parse: scene::delete,
    },
    Command {
        address: "/scene/move",
        args: "s:name i:place",
        answer: "s:name i:place",
        doc: "Moves a scene in the list; places count from 1",
        parse: scene::r#move,
    },
    Command {
        address: "/scene/notes",
        args: "s:name [s:notes]",
        answer: "s:name s:notes",
        doc: "A scene's notes",
        parse: scene::notes,
    },
    Command {
        address: "/scene/fade",
        args: "s:name [f:seconds [s:curve]]",
        answer: "s:name f:seconds s:curve",
        doc: "The time that a scene takes where its recall names none",
        parse: scene::fade,
    },
    Command {
        address: "/midi/learn",
        args: "[s:surface]",
        answer: "s:surface s:control s:address",
        doc: "Binds the next control that is touched, of this surface or of any, to the next parameter that moves, and keeps it; 30 s at most",
        parse: |reader, _| Ok(Intent::MidiLearn(reader.optional(Reader::text)?.map(Box::from))),
    },
    Command {
        address: "/midi/forget",
        args: "s:surface",
        answer: "s:surface",
        doc: "Forgets what a surface has learned",
        parse: |reader, _| Ok(Intent::MidiForget(reader.text()?.into())),
    },
];

/// The command at an address.
pub fn named(address: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|c| c.address == address)
}

impl Command {
    /// The intent of a message to this command.
    ///
    /// # Errors
    ///
    /// The reason in words, with the arguments that it takes.
    pub fn parse(&self, message: &Message<'_>, space: Sight<'_>) -> Result<Intent, String> {
        let mut reader = Reader { args: message.args, message: message.as_bytes(), usage: self.args };
        let intent = (self.parse)(&mut reader, space)?;
        match reader.args.is_empty() {
            true => Ok(intent),
            false => Err(reader.wrong()),
        }
    }
}

/// The arguments of a command, one after the other.
pub(super) struct Reader<'a> {
    args: Args<'a>,
    message: &'a [u8],
    usage: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn wrong(&self) -> String {
        match self.usage {
            "" => "takes no arguments".into(),
            usage => format!("takes {usage}"),
        }
    }

    pub(super) fn any(&mut self) -> Result<Arg<'a>, String> {
        self.args.next().ok_or_else(|| self.wrong())
    }

    pub(super) fn text(&mut self) -> Result<&'a str, String> {
        match self.any()? {
            Arg::Str(text) | Arg::Symbol(text) => Ok(text),
            _ => Err(self.wrong()),
        }
    }

    /// A finite number.
    pub(super) fn number(&mut self) -> Result<f64, String> {
        let number = match self.any()? {
            Arg::Int(i) => f64::from(i),
            Arg::Float(x) => f64::from(x),
            Arg::Double(x) => x,
            Arg::Long(i) => i as f64,
            Arg::Str(text) | Arg::Symbol(text) => text.trim().parse().map_err(|_| self.wrong())?,
            _ => return Err(self.wrong()),
        };
        if number.is_finite() { Ok(number) } else { Err(self.wrong()) }
    }

    pub(super) fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<Option<T>, String> {
        if self.args.is_empty() { Ok(None) } else { read(self).map(Some) }
    }

    /// `intent`, or nothing where an app's button sends that it was let go.
    pub(super) fn pressed(&mut self, intent: Intent) -> Intent {
        let mut args = self.args;
        let on = match args.next() {
            Some(Arg::Int(i)) => i != 0,
            Some(Arg::Float(x)) => x >= 0.5,
            Some(Arg::Bool(on)) => on,
            // None, or what is left for the check of the arguments to refuse.
            _ => return intent,
        };
        self.args = args;
        if on { intent } else { Intent::Nothing }
    }
}

fn ping(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    let echo = reader.message.into();
    reader.args.by_ref().for_each(drop);
    Ok(Intent::Ping(echo))
}

fn subscribe(reader: &mut Reader<'_>, space: Sight<'_>) -> Result<Intent, String> {
    let text = reader.text()?;
    let lease = reader.optional(Reader::number)?.unwrap_or(LEASE_S).clamp(1.0, MAX_LEASE_S);
    let rate = reader.optional(Reader::number)?.map(|hz| hz.clamp(MIN_RATE_HZ, MAX_RATE_HZ) as f32);
    let pattern = pattern(text, space)?;
    let lease = Duration::from_secs_f64(lease);
    Ok(Intent::Subscribe(Box::new(Subscribe { text: text.into(), pattern, lease, rate_hz: rate })))
}

fn sync(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    let seen = reader.optional(Reader::number)?;
    Ok(Intent::Sync(seen.filter(|seen| *seen >= 0.0).map(|seen| seen as u64)))
}

fn client_port(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    let port = reader.number()?;
    if port.fract() != 0.0 || !(0.0..=65_535.0).contains(&port) {
        return Err("a port is a whole number from 0 to 65535".into());
    }
    Ok(Intent::ClientPort(port as u16))
}

fn clients(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    Ok(Intent::Clients(reader.optional(Reader::number)?.map_or(0, |from| from.max(0.0) as usize)))
}

fn client_ids(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    Ok(Intent::ClientIds(reader.optional(Reader::number)?.is_none_or(|on| on >= 0.5)))
}

fn fade(reader: &mut Reader<'_>, space: Sight<'_>) -> Result<Intent, String> {
    let address = reader.text()?;
    let arg = reader.any()?;
    let seconds = reader.number()?;
    let curve = reader.optional(Reader::text)?;
    let target = space.target(address).ok_or_else(|| space.explain(address))?;
    let decl = space.decl(target.param);
    if decl.access != Access::Write || decl.structural || !matches!(decl.kind, Kind::Float { .. }) {
        return Err(format!("{} cannot fade: only continuous numbers can", space.canonical(target.param)));
    }
    let coerced = if target.norm { coerce::norm(decl, [arg]) } else { coerce::plain(decl, [arg], space.rate()) };
    let Coerced { value, clamped } = coerced.map_err(|refused| refused.reason)?;
    if !(0.0..=MAX_FADE_S).contains(&seconds) {
        return Err(format!("a fade takes 0 to {MAX_FADE_S} seconds"));
    }
    let shape = match curve {
        None => Shape::Linear,
        Some(name) => Shape::named(name).ok_or_else(|| format!("a curve is linear, s, slow or fast, not {}", quoted(name)))?,
    };
    let time = Duration::from_secs_f64(seconds);
    Ok(Intent::Fade(Fade { to: Set { target, value, clamped }, time, shape }))
}
