//! What a running console tells of itself, below `/status`: how the audio does, and what was lost.
//!
//! The server fills these in (`hub/status`); everything else, the printed reference, `/status`, `headroom status`, a page
//! of metrics, iterates this table. Figures that count do so since the start, or since `/status/reset` where they say so.

use crate::param::{Decl, Unit};

/// Some figures that stand together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// First part of the path, empty for those that stand by themselves.
    pub name: &'static str,
    /// How many there are of it, from 1; 0: it has no number.
    pub count: usize,
    /// Whether the one message of `/status` names them.
    pub summary: bool,
    /// The figures; a path that is empty is the group's own.
    pub decls: &'static [Decl],
}

impl Group {
    /// Paths and declarations of all figures, in order.
    pub fn paths(&self) -> impl Iterator<Item = (String, &'static Decl)> + use<> {
        let Group { name, count, decls, .. } = *self;
        let (first, last) = if count == 0 { (0, 0) } else { (1, count) };
        (first..=last).flat_map(move |n| {
            let number = (n > 0).then(|| n.to_string());
            decls.iter().map(move |decl| {
                let parts = [Some(name), number.as_deref(), Some(decl.path)];
                let parts: Vec<&str> = parts.into_iter().flatten().filter(|p| !p.is_empty()).collect();
                (parts.join("/"), decl)
            })
        })
    }
}

/// Entries of the ledger that are told; the newest is the first.
pub const LEDGER: usize = 8;
/// Banks that are told.
pub const BANKS: usize = 32;

const fn count(path: &'static str, doc: &'static str) -> Decl {
    Decl::int(path, Unit::None, 0, i64::MAX, 0, doc).read_only()
}

const fn time(path: &'static str, unit: Unit, doc: &'static str) -> Decl {
    Decl::float(path, unit, 0.0, 1e9, 0.0, doc).read_only()
}

const fn text(path: &'static str, doc: &'static str) -> Decl {
    Decl::text(path, "", doc).read_only()
}

const fn switch(path: &'static str, doc: &'static str) -> Decl {
    Decl::bool(path, false, doc).read_only()
}

const SPREAD: &[Decl] = &[
    time("mean", Unit::Us, "Mean since the reset"),
    time("p50", Unit::Us, "Median since the reset"),
    time("p99", Unit::Us, "What 99 % stay below"),
    time("p999", Unit::Us, "What 99.9 % stay below"),
    time("max", Unit::Us, "The longest since the reset"),
];

/// All figures.
pub const STATUS: &[Group] = &[
    Group {
        name: "",
        count: 0,
        summary: true,
        decls: &[
            text("backend", "JACK or internal"),
            text("client", "The client's name at the JACK server"),
            switch("running", "Whether periods come; off while the server is away or stands"),
            Decl::int("rate", Unit::Hz, 0, 1 << 20, 0, "Sample rate").read_only(),
            Decl::int("period", Unit::Frames, 0, 8192, 0, "Frames of a period").read_only(),
            time("uptime", Unit::S, "Since the start of the program"),
            count("outages", "Times that the audio server went away or stood still"),
            time("silence", Unit::S, "How long the last outage lasted, from the last period before it to the first behind it"),
            time(
                "recovery",
                Unit::S,
                "Of that, from when a server answered again until it called, with all ports and connections there",
            ),
            text("missing", "Ports that the rig names and that are not there"),
            count("periods", "Periods processed since the reset"),
            time("load", Unit::Percent, "Mean process time as a share of the period"),
            count("xruns", "Deadlines missed since the reset"),
            count("faults", "Periods in which the engine failed and silence was played"),
            count("unmeasured", "Frames that the analysis did not see because it was too slow"),
            count("queue", "Commands that wait for the audio thread"),
            count("waiting", "Time-tagged bundles that wait"),
            count("late", "Bundles that came after their time"),
            count("clients", "Clients known"),
            count("subscribers", "Clients with subscriptions"),
            Decl::int("revision", Unit::None, i64::MIN, i64::MAX, 0, "Number of the last change").read_only(),
            count("packets", "Packets of clients"),
            count("malformed", "Packets that were no OSC"),
            count("refused", "Packets and connections from where nobody is served, or for which there was no room"),
            count("dropped", "Answers that a client may not have had"),
            count("kernel-dropped", "Packets that the kernel dropped before they could be read"),
            count("shed", "Packets of hosts that had more than their share of the time"),
            count("unsent", "Packets that could not be sent"),
            count("sets", "Sets"),
            count("coalesced", "Changes that a later one of the same round made needless"),
            count("errors", "Errors told to clients"),
            count("forbidden", "Intents that a role did not allow"),
            count("wrong-tokens", "Tokens that no role has"),
            count("memory", "Resident memory, kB"),
            count("threads", "Threads"),
            count("files", "Open files and sockets"),
            time("cpu", Unit::S, "Processor time of all threads"),
        ],
    },
    Group { name: "process", count: 0, summary: true, decls: SPREAD },
    Group { name: "interval", count: 0, summary: true, decls: SPREAD },
    Group { name: "wakeup", count: 0, summary: true, decls: SPREAD },
    Group {
        name: "cause",
        count: 0,
        summary: true,
        decls: &[
            count("processing", "Xruns since the reset whose likely cause is this program's own process time"),
            count("wakeup", "Xruns whose likely cause is that the audio thread had no processor in time"),
            count("client", "Xruns whose likely cause is another client of the JACK server"),
            count("server", "Xruns whose likely cause is the JACK server or its sound card"),
        ],
    },
    Group {
        name: "state",
        count: 0,
        summary: true,
        decls: &[
            text("file", "Where what was set live is saved; empty: nowhere"),
            Decl::int("revision", Unit::None, i64::MIN, i64::MAX, 0, "Up to which revision it is saved").read_only(),
            text("error", "Why it could not be saved"),
        ],
    },
    Group {
        name: "ledger",
        count: LEDGER,
        summary: false,
        decls: &[text("", "An xrun or an outage with its time and likely cause; 1 is the newest")],
    },
    Group {
        name: "bank",
        count: BANKS,
        summary: false,
        decls: &[
            text("strips", "Ids of the strips that are processed together"),
            text("chain", "Their processors"),
            time(
                "load",
                Unit::Percent,
                "What they cost, as a share of one core, mixing into them included; mean since the reset",
            ),
            time("max", Unit::Us, "The most that a block of 64 frames took of those that were measured"),
        ],
    },
];
