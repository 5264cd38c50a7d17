//! `headroom status`: how a running server stands.

use super::Fail;
use super::client::{Client, Message, Told, server, visible};
use headroom_dsp::tree::status::{Group, STATUS};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// What reaches all figures: those of groups and of numbered groups have more parts.
pub const PATTERNS: [&str; 3] = ["/status/*", "/status/*/*", "/status/*/*/*"];

/// Arguments of `status`.
#[derive(clap::Args)]
pub struct StatusArgs {
    /// Where the server listens; port 9000 where none is named.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    to: String,
    /// Logs in first, with the first line of this file; without, with $HEADROOM_TOKEN where it is set. Where roles have
    /// tokens, the role has to read /status.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// As one JSON object; with --watch one a line.
    #[arg(long)]
    json: bool,
    /// Again every second, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// First counts times, xruns and costs anew.
    #[arg(long)]
    reset: bool,
}

/// Figures by path.
pub struct Figures(HashMap<String, Told>);

impl Figures {
    /// Asks a server for all.
    pub fn ask(client: &mut Client) -> Result<Figures, Fail> {
        let figures = Figures::of(client.ask_all(&PATTERNS)?);
        if figures.0.is_empty() {
            let how = "log in with a token in $HEADROOM_TOKEN or --token-file FILE";
            return Err(Fail::running(format!("this role may not read /status; {how}")));
        }
        Ok(figures)
    }

    /// Of what a server answered.
    pub fn of(messages: Vec<Message>) -> Figures {
        let figure = |(address, args): Message| Some((address.strip_prefix("/status/")?.to_owned(), args.into_iter().next()?));
        Figures(messages.into_iter().filter_map(figure).collect())
    }

    /// A number; 0 where there is none.
    pub fn number(&self, path: &str) -> f64 {
        self.0.get(path).map_or(0.0, Told::number)
    }

    /// A text.
    pub fn text(&self, path: &str) -> &str {
        self.0.get(path).map_or("", Told::text)
    }

    /// All of them, as the table has them: groups are objects, numbered ones arrays without what is empty.
    pub fn json(&self) -> Json {
        let mut all = Map::new();
        for group in STATUS {
            match (group.name, group.count) {
                ("", _) => all.extend(self.object(group, "")),
                (name, 0) => drop(all.insert(name.into(), Json::Object(self.object(group, &format!("{name}/"))))),
                (name, count) => {
                    let one = |n: usize| match group.decls {
                        [own] if own.path.is_empty() => self.value(&format!("{name}/{n}")),
                        _ => Json::Object(self.object(group, &format!("{name}/{n}/"))),
                    };
                    let empty = |value: &Json| match value {
                        Json::Object(own) => own.values().any(|v| v == ""),
                        value => value == "",
                    };
                    all.insert(name.into(), (1..=count).map(one).filter(|value| !empty(value)).collect());
                }
            }
        }
        Json::Object(all)
    }

    fn object(&self, group: &Group, before: &str) -> Map<String, Json> {
        group.decls.iter().map(|decl| (decl.path.to_owned(), self.value(&format!("{before}{}", decl.path)))).collect()
    }

    fn value(&self, path: &str) -> Json {
        match self.0.get(path) {
            Some(Told::Int(n)) => json!(n),
            Some(Told::Float(x)) => json!((x * 1e3).round() / 1e3),
            Some(Told::Text(text)) => json!(text),
            None => Json::Null,
        }
    }
}

/// Runs `headroom status`.
pub fn run(args: &StatusArgs) -> Result<(), Fail> {
    let mut client = Client::connect(server(&args.to)?, args.token_file.as_deref())?;
    if args.reset {
        client.ask("/status/reset", [])?;
    }
    let screen = args.watch && !args.json && std::io::stdout().is_terminal();
    loop {
        let shown = Figures::ask(&mut client).and_then(|figures| {
            let info = client.ask("/info", [])?;
            Ok(if args.json { figures.json().to_string() } else { page(&figures, &info) })
        });
        match shown {
            Ok(text) if screen => say!("\x1b[H\x1b[2J{text}"),
            Ok(text) => say!("{text}"),
            // Whoever watches wants to see it come back.
            Err(Fail::Running(reason)) if args.watch => {
                if args.json {
                    say!("{}", json!({ "error": reason }));
                } else {
                    say!("{}{reason}", if screen { "\x1b[H\x1b[2J" } else { "" });
                }
            }
            Err(fail) => return Err(fail),
        }
        if !args.watch {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Seconds as people say them.
fn span(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, h, ..) => format!("{d} d {h} h"),
    }
}

/// The page that a person reads.
fn page(figures: &Figures, info: &[Told]) -> String {
    let (n, t) = (|path: &str| figures.number(path), |path: &str| visible(figures.text(path)));
    let mut out = String::new();
    let mut line = |name: &str, text: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name:<10}{text}");
    };
    let rig = visible(info.get(2).map_or("", Told::text));
    let version = visible(info.get(1).map_or("", Told::text));
    line("rig", format!("{rig}; headroom {version}, up {}", span(n("uptime"))));
    let period_us = n("period") * 1e6 / n("rate").max(1.0);
    let backend = match (t("backend").as_str(), n("running") > 0.0) {
        ("JACK", true) => format!("JACK as {}", t("client")),
        ("JACK", false) => "JACK, away: waiting for a server".into(),
        (other, _) => format!("{other} clock"),
    };
    line("audio", format!("{backend}, {} Hz, period {} ({:.2} ms)", n("rate"), n("period"), period_us / 1e3));
    if n("outages") > 0.0 {
        let last = format!("the last {:.2} s, {:.2} s of it after a server answered", n("silence"), n("recovery"));
        line("outages", format!("{}; {last}", n("outages")));
    }
    if !t("missing").is_empty() {
        line("missing", t("missing"));
    }
    let spread = |name: &str| {
        let of = |which: &str| n(&format!("{name}/{which}"));
        format!("p50 {:.0}  p99 {:.0}  p99.9 {:.0}  max {:.0} µs", of("p50"), of("p99"), of("p999"), of("max"))
    };
    line("process", format!("{} of {period_us:.0}; mean {:.1} %", spread("process"), n("load")));
    line("interval", spread("interval"));
    line("wake-up", spread("wakeup"));
    let causes = ["processing", "wakeup", "client", "server"].map(|cause| format!("{} {cause}", n(&format!("cause/{cause}"))));
    line("xruns", format!("{} in {} periods ({}); {} faults", n("xruns"), n("periods"), causes.join(", "), n("faults")));
    for (at, entry) in (1..).map_while(|at| Some((at, figures.0.get(&format!("ledger/{at}"))?.text()))) {
        if !entry.is_empty() {
            line(if at == 1 { "ledger" } else { "" }, visible(entry));
        }
    }
    let clients = format!("{} clients, {} subscribed; {} sets", n("clients"), n("subscribers"), n("sets"));
    let lost = format!("{} dropped by the kernel, {} answers dropped, {} unsent", n("kernel-dropped"), n("dropped"), n("unsent"));
    line("control", format!("{clients}; {lost}; queue {}, {} late", n("queue"), n("late")));
    line("", format!("{} packets; {} malformed, {} refused, {} errors", n("packets"), n("malformed"), n("refused"), n("errors")));
    line(
        "program",
        format!("{:.1} MB, {} threads, {} files, {:.1} s of processor", n("memory") / 1024.0, n("threads"), n("files"), n("cpu")),
    );
    match (t("state/file").as_str(), t("state/error").as_str()) {
        ("", _) => {}
        (file, "") => line("state", format!("{file}, saved up to {}", n("state/revision"))),
        (file, error) => line("state", format!("NOT SAVED to {file}: {error}")),
    }
    match (n("scenes/count"), n("scenes/unsaved"), t("scenes/error").as_str()) {
        (0.0, 0.0, _) => {}
        (count, unsaved, "") => line("scenes", format!("{count}, {unsaved} changes on their way to the disk")),
        (count, unsaved, error) => line("scenes", format!("{count}, {unsaved} changes NOT SAVED: {error}")),
    }
    for at in 1.. {
        let (strips, chain) = (t(&format!("bank/{at}/strips")), t(&format!("bank/{at}/chain")));
        if strips.is_empty() {
            break;
        }
        let (load, max) = (n(&format!("bank/{at}/load")), n(&format!("bank/{at}/max")));
        line(if at == 1 { "banks" } else { "" }, format!("{load:>6.2} %  {max:>6.1} µs  {strips}: {chain}"));
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let all = STATUS.iter().flat_map(Group::paths).map(|(path, decl)| {
            let told = match decl.default() {
                headroom_dsp::param::Value::Text(_) => {
                    Told::Text(if path.ends_with("/1") { "an entry".into() } else { String::new() })
                }
                headroom_dsp::param::Value::Float(_) => Told::Float(1.5),
                _ => Told::Int(48_000),
            };
            (format!("/status/{path}"), vec![told])
        });
        Figures::of(all.collect())
    }

    #[test]
    fn the_json_has_every_figure_of_the_table_and_no_empty_numbered_ones() {
        let json = figures().json();
        for group in STATUS.iter().filter(|g| g.count == 0) {
            for decl in group.decls {
                let at = if group.name.is_empty() { &json[decl.path] } else { &json[group.name][decl.path] };
                assert!(!at.is_null(), "{} {}", group.name, decl.path);
            }
        }
        assert_eq!(json["ledger"], json!(["an entry"]));
        assert_eq!(json["bank"], json!([]));
    }

    #[test]
    fn a_person_reads_the_page() {
        let page = page(&figures(), &[]);
        for part in ["audio", "process", "p99.9 2  max 2 µs", "xruns     48000 in 48000 periods", "ledger    an entry"] {
            assert!(page.contains(part), "{part} is missing in\n{page}");
        }
        assert_eq!(span(3_725.0), "1 h 2 min");
    }
}
