//! Assignments: what the encoders turn.

use crate::midi::remote::Remote;
use headroom_dsp::tree::{Owner, ParamId, Slot};

/// What the encoders are assigned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assign {
    /// The trim of each strip.
    Trim,
    /// The pan of each strip.
    Pan,
    /// The send of each strip to one bus.
    Send,
    /// All sends of the selected strip.
    Sends,
    /// Filters and EQ of the selected strip.
    Eq,
    /// Dynamics of the selected strip.
    Dynamics,
    /// The processors of the selected strip: turned on and off, or entered by a push.
    Chain,
    /// One processor of the selected strip, by its place in the chain.
    Proc(usize),
}

/// Processors that an EQ key lays out.
const EQ: &[&str] = &["hpf", "lpf", "eq", "geq", "ms"];
/// Processors that a dynamics key lays out.
const DYNAMICS: &[&str] = &["gate", "comp", "glue", "limiter", "deess", "multiband", "transient"];

impl Assign {
    /// Whether it lays out the selected strip, and not one parameter of each.
    pub fn is_of_selected(self) -> bool {
        !matches!(self, Assign::Trim | Assign::Pan | Assign::Send)
    }

    /// The key that calls it.
    pub fn key(self) -> &'static str {
        match self {
            Assign::Trim => "assign_track",
            Assign::Pan => "assign_pan",
            Assign::Send | Assign::Sends => "assign_send",
            Assign::Eq => "assign_eq",
            Assign::Dynamics => "assign_instrument",
            Assign::Chain | Assign::Proc(_) => "assign_plugin",
        }
    }
}

/// The buses that something sends to, by strip, in order.
pub fn buses(remote: &Remote) -> Vec<usize> {
    let spec = remote.spec();
    let everywhere = |s: &&headroom_dsp::graph::StripSpec| !s.kind.sends_everywhere();
    let mut buses: Vec<usize> = spec.strips.iter().filter(everywhere).flat_map(|s| s.sends.iter().copied()).collect();
    buses.sort_unstable();
    buses.dedup();
    buses
}

/// The parameter of one strip.
pub fn of_strip(assign: Assign, owner: Owner, bus: usize, remote: &Remote) -> Option<ParamId> {
    match (assign, owner) {
        (Assign::Trim, _) => remote.find(owner, "trim"),
        (Assign::Send, Owner::Strip(strip)) => {
            let bus = *buses(remote).get(bus)?;
            let send = remote.spec().strips[strip].sends.iter().position(|to| *to == bus)?;
            Some(remote.tree().send(strip, send))
        }
        (Assign::Send, _) => None,
        _ => remote.find(owner, "pan"),
    }
}

/// The switch of the send of one strip.
pub fn send_switch(owner: Owner, bus: usize, remote: &Remote) -> Option<ParamId> {
    let level = of_strip(Assign::Send, owner, bus, remote)?;
    let send = remote.tree().entry(level).path.strip_suffix("level")?;
    remote.find(owner, &format!("{send}on"))
}

/// The parameters of a strip that an assignment lays out, in the order of the tree.
pub fn of_selected(assign: Assign, owner: Owner, remote: &Remote) -> Vec<ParamId> {
    let chain = |proc: usize| match owner {
        Owner::Strip(strip) => remote.spec().strips[strip].chain[proc].kind.decl().name,
        _ => "",
    };
    let wanted = |slot: Slot| match (assign, slot) {
        (Assign::Sends, Slot::Send(_)) => true,
        (Assign::Eq, Slot::Proc(proc, _)) => EQ.contains(&chain(proc)),
        (Assign::Dynamics, Slot::Proc(proc, _)) => DYNAMICS.contains(&chain(proc)),
        (Assign::Proc(wanted), Slot::Proc(proc, _)) => wanted == proc,
        _ => false,
    };
    remote.tree().of(owner).filter(|id| wanted(remote.tree().entry(*id).slot) && remote.can_move(*id)).collect()
}

/// The processors of a strip: the name of each, and its switch.
pub fn processors(owner: Option<Owner>, remote: &Remote) -> Vec<(String, Option<ParamId>)> {
    let Some(Owner::Strip(strip)) = owner else { return Vec::new() };
    let strip_spec = &remote.spec().strips[strip];
    let switch = |name: &str| remote.find(Owner::Strip(strip), &format!("{name}/on"));
    strip_spec.chain_names().into_iter().map(|name| (name.to_owned(), switch(name))).collect()
}

/// What a parameter is called where its strip is known: `1 freq`, `threshold`.
pub fn label(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["send", bus, last] => format!("{bus} {last}"),
        // Switches are named by what they switch.
        [.., proc, "on"] => (*proc).to_owned(),
        [_, part, last] | [_, _, part, last] => format!("{part} {last}"),
        [.., last] => (*last).to_owned(),
        [] => String::new(),
    }
}
