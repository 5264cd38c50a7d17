//! The table: one line a bar, printed as soon as it is measured.

use std::fmt::Display;

/// Whether a bar must be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It must.
    Gate,
    /// It should; a miss is shown.
    Target,
    /// Nothing is asked of it.
    Told,
}

/// What happened to a measurement.
pub type Done = Result<(), String>;

/// The lines so far.
#[derive(Default)]
pub struct Table {
    section: &'static str,
    gates: usize,
    missed: Vec<String>,
    targets: Vec<String>,
}

fn number(x: f64) -> String {
    match x.abs() {
        a if !a.is_finite() => format!("{x}"),
        a if a == 0.0 || a >= 100.0 => format!("{x:.1}"),
        a if a >= 10.0 => format!("{x:.2}"),
        a if a >= 0.001 => format!("{x:.3}"),
        _ => format!("{x:.1e}"),
    }
}

/// A bar as one writes it.
fn short(x: f64) -> String {
    format!("{}", (x * 1000.0).round() / 1000.0)
}

impl Table {
    /// Starts a section.
    pub fn section(&mut self, name: &'static str) {
        self.section = name;
        println!("\n{name}");
    }

    fn line(&mut self, kind: Kind, what: &dyn Display, measured: &str, bar: &str, met: bool) {
        let verdict = match (kind, met) {
            (Kind::Told, _) => "",
            (_, true) => "pass",
            (Kind::Gate, false) => "FAIL",
            (Kind::Target, false) => "miss (target)",
        };
        self.gates += usize::from(kind == Kind::Gate);
        let line = format!("{what:<62} {measured:>16}   {bar:<20} {verdict}");
        println!("  {}", line.trim_end());
        let list = if kind == Kind::Gate { &mut self.missed } else { &mut self.targets };
        if !met && kind != Kind::Told {
            list.push(format!("{}: {what}: {measured}, bar {bar}", self.section));
        }
    }

    /// A gate: no more than this.
    pub fn most(&mut self, what: impl Display, x: f64, bar: f64, unit: &str) {
        self.line(Kind::Gate, &what, &format!("{} {unit}", number(x)), &format!("≤ {bar} {unit}"), x <= bar);
    }

    /// A gate: no less than this.
    pub fn least(&mut self, what: impl Display, x: f64, bar: f64, unit: &str) {
        self.line(Kind::Gate, &what, &format!("{} {unit}", number(x)), &format!("≥ {bar} {unit}"), x >= bar);
    }

    /// A gate: between the two.
    pub fn within(&mut self, what: impl Display, x: f64, low: f64, high: f64, unit: &str) {
        let met = (low..=high).contains(&x);
        self.line(Kind::Gate, &what, &format!("{} {unit}", number(x)), &format!("{} … {} {unit}", short(low), short(high)), met);
    }

    /// A gate: samples that differ; none may.
    pub fn exact(&mut self, what: impl Display, differing: f64) {
        self.line(Kind::Gate, &what, &format!("{differing} differ"), "0", differing == 0.0);
    }

    /// A target: no more than this.
    pub fn target(&mut self, what: impl Display, x: f64, bar: f64, unit: &str) {
        self.line(Kind::Target, &what, &format!("{} {unit}", number(x)), &format!("≤ {bar} {unit}"), x <= bar);
    }

    /// A figure that nothing is asked of.
    pub fn told(&mut self, what: impl Display, x: f64, unit: &str) {
        self.line(Kind::Told, &what, &format!("{} {unit}", number(x)), "", true);
    }

    /// A measurement that could not be made counts as a gate missed.
    pub fn broken(&mut self, what: &str, why: &str) {
        self.line(Kind::Gate, &what, "not measured", "", false);
        println!("{why}");
    }

    /// The last lines; whether every gate is met.
    pub fn finish(&self) -> bool {
        println!("\n{} gates, {} missed; {} targets missed", self.gates, self.missed.len(), self.targets.len());
        self.missed.iter().for_each(|m| println!("  FAIL  {m}"));
        self.targets.iter().for_each(|m| println!("  miss  {m}"));
        self.missed.is_empty()
    }
}
