//! What a rig says beyond the graph: audio, network, roles, surfaces.

mod read;

pub use read::{Rule, read};

use super::node::Table;
use headroom_protocol::midi::map::Map;
use headroom_protocol::midi::surface::layer::Layer;
use headroom_protocol::midi::takeover::Mode;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who drives the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// JACK where a server answers, else the built-in clock.
    #[default]
    Auto,
    /// JACK.
    Jack,
    /// The built-in clock.
    Internal,
}

impl Backend {
    /// Its words, as in the rig and on the command line.
    pub const NAMES: &'static [&'static str] = &["auto", "jack", "internal"];

    /// The backend of this word.
    pub fn named(name: &str) -> Option<Backend> {
        match name {
            "auto" => Some(Backend::Auto),
            "jack" => Some(Backend::Jack),
            "internal" => Some(Backend::Internal),
            _ => None,
        }
    }
}

/// `[audio]`.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioConfig {
    /// Who drives the engine.
    pub backend: Backend,
    /// Rate in Hz of the built-in clock and of `render`.
    pub rate: u32,
    /// Frames a period of the built-in clock and of `render`.
    pub period: usize,
    /// Name of the JACK client.
    pub client: String,
    /// A muted strip leaves its `pre` sends alone.
    pub mute_post_only: bool,
    /// Seed of dither and modulation.
    pub seed: u64,
}

impl Default for AudioConfig {
    fn default() -> Self {
        AudioConfig { backend: Backend::Auto, rate: 48000, period: 64, client: "headroom".into(), mute_post_only: false, seed: 0 }
    }
}

/// A network that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    /// Address; bits past the prefix do not count.
    pub addr: IpAddr,
    /// Bits that must agree.
    pub prefix: u8,
}

impl Net {
    /// Reads `192.168.1.0/24`, `10/8`, `fe80::/10` or one address.
    pub fn parse(text: &str) -> Option<Net> {
        let (addr, prefix) = match text.split_once('/') {
            Some((addr, prefix)) => (addr, Some(prefix.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let addr = addr.parse::<IpAddr>().ok().or_else(|| {
            // Trailing zeros may be left out where a prefix tells the size.
            let parts = addr.split('.').count();
            (prefix.is_some() && parts < 4).then(|| format!("{addr}{}", ".0".repeat(4 - parts)).parse().ok())?
        })?;
        let most = if addr.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(most);
        (prefix <= most).then_some(Net { addr, prefix })
    }

    /// Whether an address lies in it. An IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(&self, addr: IpAddr) -> bool {
        let bits = |a: IpAddr| match a {
            IpAddr::V4(a) => u128::from(a.to_bits()) << 96,
            IpAddr::V6(a) => a.to_bits(),
        };
        let addr = addr.to_canonical();
        let mask = if self.prefix == 0 { 0 } else { u128::MAX << (128 - u32::from(self.prefix)) };
        self.addr.is_ipv4() == addr.is_ipv4() && (bits(self.addr) ^ bits(addr)) & mask == 0
    }
}

/// Networks served where the rig does not say: loopback and private ones.
pub const PRIVATE: &[&str] =
    &["127.0.0.0/8", "::1/128", "10/8", "172.16/12", "192.168/16", "169.254/16", "100.64/10", "fc00::/7", "fe80::/10"];

/// Someone who is told changes unasked.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// `host:port`.
    pub addr: String,
    /// Patterns; all changes but meters where empty.
    pub subscribe: Vec<String>,
    /// Meters at this rate in Hz; `None` for none.
    pub meters: Option<f64>,
    /// Name of its role.
    pub role: Option<String>,
    /// It is told the addresses of `[[osc.map]]`, and of others what it subscribes to.
    pub map: bool,
}

/// `[[osc.map]]`: an address of another app.
#[derive(Clone, Debug, PartialEq)]
pub struct OscMap {
    /// What the app says: `/1/fader1`.
    pub from: String,
    /// What it means here.
    pub to: String,
    /// What the app sends at the ends of the travel; the unit of the parameter without it.
    pub range: Option<(f64, f64)>,
    /// Where `from` and `to` stand in the file.
    pub spans: [Range<usize>; 2],
}

/// `[osc]`.
#[derive(Clone, Debug)]
pub struct OscConfig {
    /// UDP and TCP address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who is told changes unasked.
    pub peers: Vec<Peer>,
    /// Networks that are served.
    pub allow: Vec<Net>,
    /// Announced by mDNS.
    pub discover: bool,
    /// `[[osc.map]]`.
    pub maps: Vec<OscMap>,
}

impl Default for OscConfig {
    fn default() -> Self {
        OscConfig {
            listen: SocketAddr::from(([0, 0, 0, 0], 9000)),
            peers: Vec::new(),
            allow: PRIVATE.iter().filter_map(|n| Net::parse(n)).collect(),
            discover: true,
            maps: Vec::new(),
        }
    }
}

/// `[x32]` or `[xair]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DialectConfig {
    /// UDP address.
    pub listen: SocketAddr,
    /// Name of the role of its clients.
    pub role: Option<String>,
}

/// The role that may do everything. It is there without being named.
pub const ENGINEER: &str = "engineer";
/// The role that may next to nothing: `/info`, `/ping`, `/login`. It is there without being named.
pub const NONE: &str = "none";

/// How a role's token is held.
#[derive(Clone, PartialEq)]
pub enum Token {
    /// SHA-256 of the token, 64 lower-case hex digits.
    Sha256(String),
    /// A file whose first line is the token.
    File(PathBuf),
    /// The token itself, in clear.
    Clear(String),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::File(path) => write!(f, "File({path:?})"),
            Token::Sha256(_) => f.write_str("Sha256(…)"),
            Token::Clear(_) => f.write_str("Clear(…)"),
        }
    }
}

/// Most bytes of a token's file that are looked at.
const TOKEN_FILE: u64 = 4_096;

/// SHA-256 of a token.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A hash as 64 hex digits, read.
fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, two) in key.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()?;
    }
    Some(key)
}

impl Token {
    /// The hash that a token has to have; a file is read, whose first line is the token or `sha256:` and its hash.
    ///
    /// # Errors
    /// Why it cannot be had. The token is not in it.
    pub fn key(&self) -> Result<[u8; 32], String> {
        match self {
            Token::Sha256(hex) => from_hex(hex).ok_or_else(|| "a SHA-256 hash is 64 hex digits".into()),
            Token::Clear(token) => Ok(hash(token)),
            Token::File(path) => {
                let why = |reason: &dyn fmt::Display| format!("the token's file {}: {reason}", path.display());
                // Looked at first: opening a pipe would wait for who writes it.
                if !std::fs::metadata(path).map_err(|e| why(&e))?.is_file() {
                    return Err(why(&"not a file"));
                }
                let mut text = String::new();
                let file = std::fs::File::open(path).map_err(|e| why(&e))?;
                file.take(TOKEN_FILE).read_to_string(&mut text).map_err(|e| why(&e))?;
                let line = text.lines().next().unwrap_or_default().trim();
                match line.strip_prefix("sha256:") {
                    Some(hex) => from_hex(hex).ok_or_else(|| why(&"a SHA-256 hash is 64 hex digits")),
                    None if line.is_empty() => Err(why(&"its first line is empty")),
                    None => Ok(hash(line)),
                }
            }
        }
    }
}

/// `[[role]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// Name.
    pub name: String,
    /// What a client logs in with; `None` where it cannot be logged in to.
    pub token: Option<Token>,
    /// Patterns that it may set.
    pub write: Vec<String>,
    /// Patterns that it may ask and subscribe to.
    pub read: Vec<String>,
}

/// `[[midi.surface]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceConfig {
    /// Matched against port names.
    pub port: String,
    /// `mcu`, `hui`, or the name of a controller map.
    pub kind: String,
    /// Name of its role.
    pub role: Option<String>,
    /// `port` of the surface whose row of faders it makes longer.
    pub extends: Option<String>,
    /// It stands at its left.
    pub left: bool,
    /// Position of its faders at 0 dB, of 16383, where it is not the usual one.
    pub unity: Option<u16>,
    /// How its faders take over, where they have no motors.
    pub takeover: Option<Mode>,
    /// The layer that it begins with.
    pub layer: Option<Layer>,
    /// Strips of its user's layer.
    pub strips: Vec<String>,
    /// What the rec button of a strip turns over.
    pub rec: Option<String>,
    /// What keys do: name, and an address or a command.
    pub buttons: Vec<(String, String)>,
    /// Its controller map, where its kind names one.
    pub map: Option<Arc<Map>>,
}

impl SurfaceConfig {
    /// A surface that is as its kind usually is.
    pub fn new(port: &str, kind: &str) -> SurfaceConfig {
        SurfaceConfig {
            port: port.into(),
            kind: kind.into(),
            role: None,
            extends: None,
            left: false,
            unity: None,
            takeover: None,
            layer: None,
            strips: Vec::new(),
            rec: None,
            buttons: Vec::new(),
            map: None,
        }
    }
}

/// Everything that a rig says beyond the graph.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[audio]`.
    pub audio: AudioConfig,
    /// `[osc]`.
    pub osc: OscConfig,
    /// `[http]`: TCP address; `None` where it is off.
    pub http: Option<SocketAddr>,
    /// `[x32]`; `None` where it is off.
    pub x32: Option<DialectConfig>,
    /// `[xair]`; `None` where it is off.
    pub xair: Option<DialectConfig>,
    /// `[access] default`: role of who has not logged in, where the rig names one.
    pub access: Option<String>,
    /// `[[role]]`.
    pub roles: Vec<Role>,
    /// `[[midi.surface]]`.
    pub surfaces: Vec<SurfaceConfig>,
    /// `[[midi.map]]`, as they stand.
    pub midi_maps: Vec<Table>,
}

impl Settings {
    /// Name of the role of who has not logged in.
    pub fn default_role(&self) -> &str {
        let closed = || if self.roles.iter().any(|r| r.token.is_some()) { NONE } else { ENGINEER };
        self.access.as_deref().unwrap_or_else(closed)
    }

    /// What differs from the settings that a program started with and only the next start brings, a sentence each. Under
    /// JACK rate and period are the server's.
    pub fn later(&self, started: &Settings, internal: bool) -> Vec<String> {
        let (audio, was) = (&self.audio, &started.audio);
        let off = || "off".to_string();
        let web = |at: Option<SocketAddr>| at.map_or_else(off, |at| at.to_string());
        let word = |backend: Backend| Backend::NAMES[backend as usize].to_string();
        let all = [
            ("[osc] listen", started.osc.listen.to_string(), self.osc.listen.to_string(), true),
            ("[http] listen", web(started.http), web(self.http), true),
            ("[audio] backend", word(was.backend), word(audio.backend), true),
            ("[audio] client", was.client.clone(), audio.client.clone(), !internal),
            ("[audio] rate", was.rate.to_string(), audio.rate.to_string(), internal),
            ("[audio] period", was.period.to_string(), audio.period.to_string(), internal),
        ];
        let differs = all.into_iter().filter(|(_, was, is, counts)| *counts && was != is);
        let say = |(key, was, is, _)| format!("{key} stays {was} until the next start: a reload does not take {is}");
        differs.map(say).collect()
    }

    /// Takes files of tokens from a folder, where they have no whole path.
    pub fn anchor(&mut self, folder: &Path) {
        for role in &mut self.roles {
            if let Some(Token::File(path)) = &mut role.token {
                *path = folder.join(&path);
            }
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            audio: AudioConfig::default(),
            osc: OscConfig::default(),
            http: Some(SocketAddr::from(([0, 0, 0, 0], 8080))),
            x32: None,
            xair: None,
            access: None,
            roles: Vec::new(),
            surfaces: Vec::new(),
            midi_maps: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_start_brings_is_told_and_nothing_else() {
        let read = |text: &str| crate::rig::parse(text, "a.toml").unwrap().settings;
        let was = read("");
        assert_eq!(was.later(&was, true), [""; 0]);
        let now = read(
            "[osc]\nlisten = \"0.0.0.0:9001\"\nallow = [\"10/8\"]\n[http]\nlisten = \"\"\n\
             [audio]\nbackend = \"internal\"\nrate = 96000\nperiod = 128\nclient = \"desk\"",
        );
        let keys = |internal| {
            let all = now.later(&was, internal);
            all.iter().map(|what| what.split(" stays").next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let both = ["[osc] listen", "[http] listen", "[audio] backend"];
        assert_eq!(keys(true), [&both[..], &["[audio] rate", "[audio] period"]].concat());
        assert_eq!(keys(false), [&both[..], &["[audio] client"]].concat());
        let said = now.later(&was, true);
        assert!(
            said[1].starts_with("[http] listen stays 0.0.0.0:8080 until the next start") && said[1].ends_with("off"),
            "{said:?}"
        );
    }

    #[test]
    fn networks_hold_their_addresses() {
        let holds = |net: &str, addr: &str| Net::parse(net).unwrap().contains(addr.parse().unwrap());
        assert!(holds("192.168/16", "192.168.7.9"));
        assert!(!holds("192.168/16", "192.169.0.1"));
        assert!(holds("172.16/12", "172.31.255.255"));
        assert!(holds("10/8", "::ffff:10.1.2.3"));
        assert!(holds("fe80::/10", "fe80::1"));
        assert!(!holds("fe80::/10", "10.0.0.1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8"));
        assert!(holds("10.0.0.7", "10.0.0.7") && !holds("10.0.0.7", "10.0.0.8"));
        for bad in ["", "10", "10/33", "x/8", "10.0.0.0/", "1.2.3.4.5/8", "::/129"] {
            assert!(Net::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(OscConfig::default().allow.len(), PRIVATE.len());
    }
}
