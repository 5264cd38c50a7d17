//! `headroom ports`: what there is to connect to.

use super::Fail;
use crate::backend::jack::log_quietly;
use jack::{Client, ClientOptions, PortFlags};

/// Lists the ports of the JACK server, with the short names that a rig can use for physical ones.
pub fn run() -> Result<(), Fail> {
    // The `jack` crate panics where the library is missing.
    if jack::jack_sys::library().is_err() {
        return Err(Fail::running("JACK's library is not on this machine: install libjack-jackd2-0 or pipewire-jack"));
    }
    log_quietly();
    let (client, _) = Client::new("headroom-ports", ClientOptions::NO_START_SERVER)
        .map_err(|_| Fail::running("no JACK server answers; start one, or use `--backend internal`"))?;
    let kinds = [
        ("inputs of a rig (sources)", PortFlags::IS_OUTPUT, "capture"),
        ("outputs of a rig (sinks)", PortFlags::IS_INPUT, "playback"),
    ];
    for (title, flags, short) in kinds {
        say!("{title}");
        let mut physical = 0;
        for name in client.ports(None, Some("32 bit float mono audio"), flags) {
            let is_physical = client.port_by_name(&name).is_some_and(|p| p.flags().contains(PortFlags::IS_PHYSICAL));
            physical += usize::from(is_physical);
            let alias = if is_physical { format!("{short}:{physical}") } else { String::new() };
            say!("  {name:<40} {alias}");
        }
    }
    Ok(())
}
