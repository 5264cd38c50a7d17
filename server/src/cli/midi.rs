//! `headroom midi`: which surfaces are plugged in, what they send, and one in the terminal.

mod monitor;
mod simulate;

use super::Fail;
use crate::backend::jack::log_quietly;
use crate::midi::{alsa, maps};
use headroom_protocol::midi::mcu::table::Device;
use jack::{Client, ClientOptions, PortFlags};

/// JACK's name for the type of MIDI ports.
const MIDI: &str = "8 bit raw midi";

/// Arguments of `midi`.
#[derive(clap::Args)]
pub struct MidiArgs {
    /// Shows what surfaces send, decoded: of the port with this part of a name, or of all.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "", conflicts_with = "simulate")]
    monitor: Option<String>,
    /// Acts as a surface in this terminal, on JACK's MIDI ports.
    #[arg(long, value_name = "KIND", value_parser = ["mcu"])]
    simulate: Option<String>,
    /// Name of the simulated surface: what `port` is in the rig.
    #[arg(long, value_name = "PORT", default_value = "X-Touch")]
    name: String,
    /// Ends after this many seconds; else at Ctrl-C, or when there is no more to read.
    #[arg(long)]
    seconds: Option<f64>,
}

/// Runs `headroom midi`.
pub fn run(args: &MidiArgs) -> Result<(), Fail> {
    match (&args.monitor, &args.simulate) {
        (Some(pattern), _) => monitor::run(pattern, args.seconds),
        (_, Some(_)) => simulate::run(&args.name, args.seconds),
        _ => list(),
    }
}

/// A client of the JACK server, where one answers.
fn client(name: &str) -> Option<Client> {
    // The `jack` crate panics where the library is missing.
    jack::jack_sys::library().ok()?;
    log_quietly();
    Client::new(name, ClientOptions::NO_START_SERVER).ok().map(|(client, _)| client)
}

/// The MIDI ports of a server that send, or that take, but for headroom's own.
fn ports(client: &Client, flags: PortFlags) -> Vec<String> {
    let own = |name: &String| name.starts_with("headroom") || name.starts_with(client.name());
    client.ports(None, Some(MIDI), flags).into_iter().filter(|name| !own(name)).collect()
}

/// A name and what else it is called: the device behind it.
fn names(client: &Client, port: &str) -> Vec<String> {
    let aliases = client.port_by_name(port).and_then(|p| p.aliases().ok()).unwrap_or_default();
    [vec![port.to_owned()], aliases].concat()
}

/// The kind that a rig would give to a surface behind ports of these names, and what it is.
fn kind(names: &[String]) -> Option<(String, String)> {
    let contains = |part: &str| names.iter().any(|n| n.to_lowercase().contains(&part.to_lowercase()));
    let maps = maps::BUILT_IN.iter().filter_map(|(name, _)| Some((*name, maps::built_in(name)?)));
    // The longest part of a name says most: "APC MINI mk2" is not the first one.
    let mapped = maps.flat_map(|(name, map)| {
        let title = map.title;
        map.ports.into_iter().map(move |part| (part, name.to_owned(), title.clone()))
    });
    let best = mapped.filter(|(part, ..)| contains(part)).max_by_key(|(part, ..)| part.len());
    let device = names.iter().map(|n| Device::of_port(n)).find(|d| !d.name.is_empty());
    match (best, device) {
        (Some((part, name, title)), Some(device)) if device.name.len() < part.len() => Some((name, title)),
        (Some((_, name, title)), Some(device)) => {
            Some((format!("{name}, or mcu"), format!("{title}, or {} in Mackie mode", device.name)))
        }
        (Some((_, name, title)), None) => Some((name, title)),
        (None, Some(device)) => Some(("mcu".into(), format!("{} in Mackie mode", device.name))),
        (None, None) => None,
    }
}

fn list() -> Result<(), Fail> {
    let mut found = 0;
    let mut show = |title: &str, ports: Vec<Vec<String>>| {
        say!("{title}");
        for names in &ports {
            let (kind, what) = kind(names)
                .unwrap_or_else(|| ("?".into(), "no map is made for it: mcu, hui or a [[midi.map]] of your own".into()));
            say!("  {:<44} {kind:<24} {what}", names[0]);
        }
        if ports.is_empty() {
            say!("  nothing is plugged in");
        }
        found += ports.len();
    };
    match client("headroom-midi") {
        Some(client) => {
            let all = ports(&client, PortFlags::IS_OUTPUT);
            show("JACK", all.iter().map(|port| names(&client, port)).collect());
        }
        None => say!("JACK\n  no server answers"),
    }
    match alsa::is_here().then(alsa::Look::new).flatten() {
        Some(look) => show("ALSA sequencer", look.ports().0.into_iter().map(|name| vec![name.to_owned()]).collect()),
        None => say!("ALSA sequencer\n  there is none on this machine"),
    }
    if found > 0 {
        say!("\nIn a rig: [[midi.surface]] with port = a part of the name at the left, kind = the word at its right.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_gets_the_map_that_is_made_for_it() {
        let of = |name: &str| kind(&[name.to_owned()]).map(|(kind, _)| kind);
        assert_eq!(of("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0").as_deref(), Some("nanokontrol2"));
        assert_eq!(of("a2j:APC mini mk2 [20] (capture): APC mini mk2 Control").as_deref(), Some("apc-mini-mk2"));
        assert_eq!(of("APC MINI:APC MINI MIDI 1 24:0").as_deref(), Some("apc-mini"));
        assert_eq!(of("X-Touch:X-Touch MIDI 1 20:0").as_deref(), Some("mcu"));
        assert_eq!(of("X-TOUCH MINI:X-TOUCH MINI MIDI 1").as_deref(), Some("x-touch-mini, or mcu"));
        assert_eq!(of("Midi Through:Midi Through Port-0 14:0"), None);
    }
}
