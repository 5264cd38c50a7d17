//! Writes manual pages and completions into a directory: `cargo run -p headroom --example manual -- DIR`.
//!
//! An example, so that the program on the target carries none of this. The pages of the commands follow from the
//! command line's own declaration, headroom-reference(7) from that of the parameters.

use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};
use serde_json::Value;
use std::path::{Path, PathBuf};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result {
    let dir = PathBuf::from(std::env::args_os().nth(1).ok_or("which directory?")?);
    std::fs::create_dir_all(&dir)?;
    pages(&dir)?;
    reference(&dir)?;
    let mut command = headroom::cli::command();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, "headroom", &dir)?;
    }
    Ok(())
}

fn pages(dir: &Path) -> Result {
    let mut command = headroom::cli::command().disable_help_subcommand(true);
    command.build();
    page(&command, "headroom".into(), dir)?;
    for sub in command.get_subcommands() {
        let name = format!("headroom-{}", sub.get_name());
        page(sub, name, dir)?;
    }
    Ok(())
}

fn page(command: &clap::Command, name: String, dir: &Path) -> Result {
    let mut out = Vec::new();
    Man::new(command.clone()).title(name.clone()).manual("headroom").render(&mut out)?;
    if command.has_subcommands() {
        let mut more = Roff::new();
        more.control("SH", ["FILES"]);
        for (file, text) in [
            ("/etc/headroom/rig.toml", "The rig that the service plays. Other rigs stand beside it, to copy from."),
            ("/etc/headroom/presets/", "Presets of one's own, and those saved live."),
            ("/etc/default/headroom", "Which sound card, rate and period the JACK server of the service takes."),
            ("/var/lib/headroom/", "What was set live, for the service."),
        ] {
            more.control("TP", []).text([italic(file)]).text([roman(text)]);
        }
        more.control("SH", ["EXIT STATUS"]);
        more.text([roman("0 done, 1 failed while running, 2 the input is wrong.")]);
        more.control("SH", ["SEE ALSO"]);
        more.text([bold("headroom-reference"), roman("(7), "), bold("systemctl"), roman("(1), "), bold("jackd"), roman("(1)")]);
        more.to_writer(&mut out)?;
    }
    Ok(std::fs::write(dir.join(format!("{name}.1")), out)?)
}

/// Every address: those of commands, then those of parameters and meters.
fn reference(dir: &Path) -> Result {
    let lines: Vec<Value> = serde_json::from_str(&headroom_protocol::reference::json())?;
    let mut page = Roff::new();
    page.control("TH", ["headroom-reference", "7", "", "headroom", "headroom"]);
    page.control("SH", ["NAME"]).text([roman("headroom-reference - every OSC address of headroom(1)")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(
        "An address with an argument sets, without one it asks; the same address answers. N is a number from 1, or the id \
         of what is numbered. In a rig file the part behind the strip is a key, with dots for slashes: eq.2.gain = -3.",
    )]);
    let commands = |line: &&Value| line["kind"] == "command";
    page.control("SH", ["COMMANDS"]);
    for line in lines.iter().filter(commands) {
        let gives = match text(&line["answer"]).as_str() {
            "" => String::new(),
            answer => format!(" Answer: {answer}."),
        };
        entry(&mut page, line, &text(&line["args"]), &gives);
    }
    page.control("SH", ["PARAMETERS AND METERS"]);
    for line in lines.iter().filter(|line| !commands(line)) {
        let mut about = vec![text(&line["kind"])];
        match &line["range"] {
            Value::Array(all) if all.iter().all(Value::is_number) && all.len() == 2 => {
                about.push(format!("{} … {} {}", all[0], all[1], text(&line["unit"])).trim().to_owned());
            }
            Value::Array(all) => about.push(all.iter().map(text).collect::<Vec<_>>().join(" ")),
            _ => {}
        }
        match text(&line["access"]).as_str() {
            "write" => about.push(format!("default {}", text(&line["default"]))),
            other => about.push(format!("{other} only").replace("meter only", "meter")),
        }
        entry(&mut page, line, &about.join(", "), "");
    }
    page.control("SH", ["SEE ALSO"]).text([bold("headroom"), roman("(1)")]);
    Ok(std::fs::write(dir.join("headroom-reference.7"), page.to_roff())?)
}

fn entry(page: &mut Roff, line: &Value, about: &str, more: &str) {
    page.control("TP", []);
    page.text([bold(text(&line["address"])), roman(format!("  {about}"))]);
    page.text([roman(format!("{}.{more}", text(&line["doc"]).trim_end_matches('.')))]);
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(on) => if *on { "on" } else { "off" }.into(),
        other => other.to_string(),
    }
}
