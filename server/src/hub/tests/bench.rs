//! A hub on the bench: an engine that is stepped by hand, a clock that is set by hand.

use crate::backend::{BackendEvent, Format, Status, Timing};
use crate::console::Reloaded;
use crate::hub::client::Way;
use crate::hub::mixer::Mixer;
use crate::hub::roles::Standing;
use crate::hub::{Hub, Moment};
use crate::metering::readings::Readings;
use crate::metering::tap::{self, Taps};
use crate::metering::{Analysis, Metering};
use crate::rig;
use headroom_dsp::desk::Desk;
use headroom_dsp::engine::message::{Batch, Command, Returned};
use headroom_dsp::engine::{Engine, Handle, engine};
use headroom_dsp::lanes::Path;
use headroom_dsp::meter::Meters;
use headroom_dsp::network::Io;
use headroom_dsp::param::Value;
use headroom_dsp::tree::{Owner, ParamId, Tree};
use headroom_protocol::intent::ClientId;
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const RATE: u64 = 48_000;
pub const PERIOD: u64 = 48;
/// One period, in nanoseconds.
pub const STEP: u64 = 1_000_000;
pub const SECOND: u64 = 1_000_000_000;
/// The fake clock's time of day at its zero, as a time tag.
const NOON: u64 = 3_900_000_000 << 32;

/// Constant input, all output kept.
#[derive(Default)]
struct Ports {
    level: f32,
    input: Vec<f32>,
    output: BTreeMap<usize, Vec<f64>>,
    taps: Option<Taps>,
    at: usize,
}

impl Io for Ports {
    fn input(&self, _: usize) -> &[f32] {
        &self.input
    }
    fn output(&mut self, port: usize, at: usize, block: &[f64]) {
        if port >= tap::FIRST {
            return self.taps.iter_mut().for_each(|taps| taps.output(port, block));
        }
        let all = self.output.entry(port).or_default();
        all.resize(self.at + at, 0.0);
        all.extend_from_slice(block);
    }
}

/// Desk and engine without a backend.
pub struct BenchMixer {
    pub desk: Desk,
    pub engine: Engine,
    handle: Handle,
    meters: Arc<Meters>,
    metering: Metering,
    analysis: Analysis,
    ports: Ports,
    next_rig: Option<&'static str>,
    seq: u64,
    applied: u64,
    under_way: usize,
    /// Batches for the next period.
    pub flushes: u64,
    networks: u64,
    /// Batches for a frame to come.
    pub projected: Vec<u64>,
    now: Arc<AtomicU64>,
}

fn desk(text: &str) -> (Desk, rig::Rig) {
    let rig = rig::parse(text, "bench.toml").unwrap_or_else(|e| panic!("{}", e.0.render(false)));
    let tree = Tree::new(&rig.spec);
    let mut values = tree.defaults();
    for stated in &rig.values {
        values[stated.id.0 as usize] = stated.value.clone();
    }
    (Desk::with(rig.spec.clone(), tree, values, RATE as f64, Path::best()).expect("the rig compiles"), rig)
}

impl BenchMixer {
    fn new(text: &str, now: Arc<AtomicU64>) -> BenchMixer {
        let (mut desk, _) = desk(text);
        let (engine, mut handle) = engine(RATE as f64, 0.0);
        let (mut metering, taps, analysis) = Metering::new();
        let meters = adopt(&mut desk, None, &mut handle, &mut metering);
        let (ports, projected) = (Ports { taps: Some(taps), ..Ports::default() }, Vec::new());
        BenchMixer {
            desk,
            engine,
            handle,
            meters,
            metering,
            analysis,
            ports,
            next_rig: None,
            seq: 0,
            applied: 0,
            under_way: 0,
            flushes: 0,
            networks: 0,
            projected,
            now,
        }
    }

    /// Runs one period; the clock is the caller's.
    fn run(&mut self) {
        let nanos = self.now.load(Ordering::Relaxed).max(1);
        self.analysis.poll();
        self.ports.input = vec![self.ports.level; PERIOD as usize];
        self.ports.at = self.engine.frame() as usize;
        self.ports.taps.iter_mut().for_each(Taps::change);
        self.engine.process(&mut self.ports, PERIOD as usize, nanos, RATE as f64);
    }
}

fn adopt(desk: &mut Desk, before: Option<&Desk>, handle: &mut Handle, metering: &mut Metering) -> Arc<Meters> {
    let ports = desk.plan().ports.clone();
    let outputs = (0..ports.outputs.len()).chain(metering.arrange(desk.spec(), desk.rate())).collect();
    let (adopt, meters) = desk.adopt(before, (0..ports.inputs.len()).collect(), outputs);
    assert!(handle.send(Command::Adopt(adopt)).is_ok());
    meters
}

impl Mixer for BenchMixer {
    fn desk(&self) -> &Desk {
        &self.desk
    }
    fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }
    fn tick(&mut self) {
        while let Some(returned) = self.handle.collect() {
            if let Returned::Batch(batch) = returned
                && batch.at.is_none()
            {
                self.applied += 1;
                self.under_way -= 1;
            }
        }
        self.metering.tick();
        for id in self.desk.take_pressed() {
            if let Owner::Strip(strip) = self.desk.tree().entry(id).owner {
                self.metering.reset(strip);
            }
        }
        if self.desk.needs_swap() {
            let before = self.desk.replan_structure().expect("it compiles");
            self.meters = adopt(&mut self.desk, Some(&before), &mut self.handle, &mut self.metering);
            self.networks += 1;
        }
    }
    fn flush(&mut self) -> bool {
        if self.under_way >= 2 {
            return false;
        }
        self.seq += 1;
        self.under_way += 1;
        self.flushes += 1;
        let mut batch = Box::new(Batch { seq: self.seq, ..Batch::default() });
        self.desk.flush(self.handle.frames(), &mut batch);
        assert!(self.handle.send(Command::Apply(batch)).is_ok());
        true
    }
    fn project(&mut self, frame: u64, ahead: &[(ParamId, Value)]) {
        self.seq += 1;
        self.projected.push(frame);
        let mut batch = Box::new(Batch { seq: self.seq, at: Some(frame), ..Batch::default() });
        self.desk.project(ahead, frame, &mut batch);
        assert!(self.handle.send(Command::Apply(batch)).is_ok());
    }
    fn bundle(&mut self, _: u64, change: Box<dyn FnOnce(&mut Desk) + '_>) {
        change(&mut self.desk);
    }
    fn sent(&self) -> u64 {
        self.flushes
    }
    fn applied(&self) -> u64 {
        self.applied
    }
    fn networks(&self) -> u64 {
        self.networks
    }
    fn frame_now(&self) -> u64 {
        self.handle.frames()
    }
    fn frame_at(&self, nanos: u64) -> u64 {
        nanos * RATE / SECOND
    }
    fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }
    fn readings(&self) -> &[Option<Arc<Readings>>] {
        self.metering.readings()
    }
    fn format(&self) -> Format {
        Format { rate: RATE as u32, period: PERIOD as u32 }
    }
    fn allows(&self, id: ParamId, value: &Value) -> Result<(), String> {
        self.desk.allows(id, value).map_err(|e| e.to_string())
    }
    fn reload(&mut self) -> Result<Reloaded, String> {
        let text = self.next_rig.take().ok_or("no rig to reload")?;
        let before = self.desk.skeleton();
        let (new, rig) = desk(text);
        self.desk = new;
        self.meters = adopt(&mut self.desk, Some(&before), &mut self.handle, &mut self.metering);
        self.networks += 1;
        Ok(Reloaded { rig, later: Vec::new() })
    }
    fn events(&mut self) -> Vec<BackendEvent> {
        Vec::new()
    }
    fn status(&self) -> Status {
        Status {
            backend: "bench",
            client: String::new(),
            format: self.format(),
            running: true,
            outages: 0,
            last_return: Default::default(),
            ports: Vec::new(),
        }
    }
    fn timing(&self) -> Arc<Timing> {
        Arc::default()
    }
    fn late(&self) -> u64 {
        self.handle.late()
    }
    fn queue_depth(&self) -> usize {
        self.handle.depth()
    }
}

/// A hub, its clock and what it sent.
pub struct Bench {
    pub hub: Hub<BenchMixer>,
    pub now: u64,
    clock: Arc<AtomicU64>,
    /// Packets sent, with their size.
    pub sent: Vec<(ClientId, usize, Vec<OscMessage>)>,
}

/// Two channels into main.
pub const TWO: &str = "name = \"Two\"\n[[channel]]\nname = \"Kick\"\nchain = []\n[[channel]]\nname = \"Vox\"\n[[bus]]\nname = \"Wedge\"\nkind = \"aux\"\n[[dca]]\nname = \"All\"\n[main]\nchain = []\n[monitor]\n";

impl Bench {
    pub fn new() -> Bench {
        Bench::of(TWO)
    }

    pub fn of(text: &str) -> Bench {
        let clock = Arc::new(AtomicU64::new(0));
        let settings = rig::parse(text, "bench.toml").expect("a rig").settings;
        let time = clock.clone();
        let wall = move || {
            let nanos = time.load(Ordering::Relaxed);
            Moment { nanos, ntp: tag(nanos) }
        };
        let mixer = BenchMixer::new(text, clock.clone());
        let mut bench = Bench { hub: Hub::new(mixer, &settings, 100, Box::new(wall)), now: 0, clock, sent: Vec::new() };
        if let Some(peers) = bench.hub.take_new_peers() {
            bench.hub.set_peers(&crate::hub::peers::resolve(&peers), 0);
        }
        bench.run(10 * STEP);
        bench
    }

    /// A client that has logged in.
    pub fn logged_in(&mut self, port: u16, token: &str) -> ClientId {
        let id = self.client(port);
        self.send(id, "/login", &[text(token)]);
        assert_eq!(self.heard(id)[0].0, "/login");
        id
    }

    /// A client at a port of this host that has been heard before.
    pub fn client(&mut self, port: u16) -> ClientId {
        let id = self.stranger(&format!("127.0.0.1:{port}")).expect("it is served");
        for _ in 0..2 {
            self.hub.packet(id, b"/ping\0\0\0,\0\0\0", self.now);
        }
        self.run(10 * STEP);
        self.sent.clear();
        id
    }

    pub fn stranger(&mut self, at: &str) -> Option<ClientId> {
        let at: SocketAddr = at.parse().expect("an address");
        self.hub.admit(at, self.now)
    }

    pub fn connection(&mut self, at: &str) -> ClientId {
        self.hub.open(Way::Tcp(at.parse().expect("an address")), Standing::Guest, self.now).expect("it is served")
    }

    /// Lets time pass, a period at a time.
    pub fn run(&mut self, nanos: u64) {
        let until = self.now + nanos;
        while self.now < until {
            self.now += STEP;
            self.clock.store(self.now, Ordering::Relaxed);
            self.hub.mixer.run();
            self.turn();
        }
    }

    /// Ends a round without time passing.
    pub fn turn(&mut self) {
        self.hub.turn(self.now);
        self.collect();
    }

    fn collect(&mut self) {
        let sent = &mut self.sent;
        self.hub.outbox().drain(|to, bytes| {
            let mut messages = Vec::new();
            match rosc::decoder::decode_udp(bytes) {
                Ok((_, packet)) => unpack(packet, &mut messages),
                // An echo of what rosc cannot read.
                Err(_) => messages.push(OscMessage { addr: "?".into(), args: Vec::new() }),
            }
            sent.push((to, bytes.len(), messages));
        });
    }

    pub fn packet(&mut self, from: ClientId, packet: &OscPacket) {
        let bytes = rosc::encoder::encode(packet).expect("it can be encoded");
        self.hub.packet(from, &bytes, self.now);
        self.collect();
    }

    pub fn send(&mut self, from: ClientId, address: &str, args: &[OscType]) {
        self.packet(from, &message(address, args));
    }

    /// A bundle that is due after some time.
    pub fn later(&mut self, from: ClientId, after: u64, messages: &[OscPacket]) {
        let tag = tag(self.now + after);
        let timetag = OscTime { seconds: (tag >> 32) as u32, fractional: tag as u32 };
        self.packet(from, &OscPacket::Bundle(OscBundle { timetag, content: messages.to_vec() }));
    }

    pub fn bundle(&mut self, from: ClientId, messages: &[OscPacket]) {
        let timetag = OscTime { seconds: 0, fractional: 1 };
        self.packet(from, &OscPacket::Bundle(OscBundle { timetag, content: messages.to_vec() }));
    }

    /// What a client was sent since the last look, but for `/rev`.
    pub fn heard(&mut self, client: ClientId) -> Vec<(String, Vec<OscType>)> {
        let mut heard = Vec::new();
        self.sent.retain(|(to, _, messages)| {
            if *to == client {
                heard.extend(messages.iter().filter(|m| m.addr != "/rev").map(|m| (m.addr.clone(), m.args.clone())));
            }
            *to != client
        });
        heard
    }

    /// The answer to a question.
    pub fn ask(&mut self, from: ClientId, address: &str) -> OscType {
        self.send(from, address, &[]);
        let found = self.sent.iter().rev().find(|(to, _, m)| *to == from && m[0].addr == address);
        let (_, _, messages) = found.unwrap_or_else(|| panic!("no answer: {:?}", self.sent));
        let answer = messages[0].args[0].clone();
        self.sent.pop();
        answer
    }

    pub fn number(&mut self, from: ClientId, address: &str) -> f32 {
        match self.ask(from, address) {
            OscType::Float(x) => x,
            OscType::Int(x) => x as f32,
            other => panic!("{address} is {other:?}"),
        }
    }

    /// Subscribes and drops the present values.
    pub fn subscribe(&mut self, client: ClientId, args: &[OscType]) {
        self.send(client, "/subscribe", args);
        self.run(50 * STEP);
        assert!(self.heard(client).iter().any(|(address, _)| address == "/subscribe"));
    }

    pub fn reload(&mut self, from: ClientId, text: &'static str) {
        self.hub.mixer.next_rig = Some(text);
        self.send(from, "/rig/reload", &[]);
    }

    /// The level that all inputs carry from now on.
    pub fn play(&mut self, level: f32) {
        self.hub.mixer.ports.level = level;
    }

    /// What main's left side sent so far.
    pub fn output(&self) -> &[f64] {
        let ports = &self.hub.mixer.desk.plan().ports;
        let left = ports.outputs.iter().position(|(name, _)| name == "out-main-l").expect("main has a port");
        &self.hub.mixer.ports.output[&left]
    }
}

fn tag(nanos: u64) -> u64 {
    NOON + headroom_protocol::osc::time::from_duration(std::time::Duration::from_nanos(nanos))
}

pub fn message(address: &str, args: &[OscType]) -> OscPacket {
    OscPacket::Message(OscMessage { addr: address.into(), args: args.to_vec() })
}

pub fn f(x: f32) -> OscType {
    OscType::Float(x)
}

pub fn text(s: &str) -> OscType {
    OscType::String(s.into())
}

pub fn texts(all: &[&str]) -> Vec<OscType> {
    all.iter().map(|t| OscType::from(*t)).collect()
}

fn unpack(packet: OscPacket, into: &mut Vec<OscMessage>) {
    match packet {
        OscPacket::Message(message) => into.push(message),
        OscPacket::Bundle(bundle) => bundle.content.into_iter().for_each(|p| unpack(p, into)),
    }
}
