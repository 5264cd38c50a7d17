//! `headroom render`: the same engine on files.

use super::job::{CHUNK, Job, Ports, desk_of};
use super::master::pass::Draft;
use super::{Fail, Progress, bits, dither, load_rig};
use crate::audiofile::{Bits, Container, Format, RateReader, Reader, Resampler, Shape, Writer};
use crate::cues;
use crate::rig::Rig;
use crate::scene::Book;
use headroom_dsp::desk::Desk;
use headroom_dsp::graph::{GraphSpec, StripKind};
use std::path::{Path, PathBuf};

/// Arguments of `render`.
#[derive(clap::Args)]
pub struct RenderArgs {
    /// The rig.
    rig: PathBuf,
    /// A file for a strip, by name or id; may be given often.
    #[arg(long = "in", value_name = "STRIP=FILE")]
    inputs: Vec<String>,
    /// A file of a strip's output, WAV, or FLAC where the name ends in .flac; several strips with commas share one.
    #[arg(long = "out", value_name = "STRIP[,STRIP…]=FILE")]
    outputs: Vec<String>,
    /// What happens when.
    #[arg(long)]
    cues: Option<PathBuf>,
    /// Rate of the files written, in Hz.
    #[arg(long)]
    rate: Option<u32>,
    /// Frames that the engine runs at a time; any number gives the same samples.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8192))]
    period: Option<u32>,
    /// 16, 24, 32f or 64f.
    #[arg(long, default_value = "24", value_parser = bits)]
    bits: Bits,
    /// Dither of 16 and 24 bit files: tpdf, shaped or off.
    #[arg(long, default_value = "tpdf", value_parser = dither)]
    dither: Shape,
    /// Seconds after the end of the longest input.
    #[arg(long, default_value_t = 0.0)]
    tail: f64,
    /// Main without glue to limiter, for a mastering engineer.
    #[arg(long)]
    premaster: bool,
}

struct Input {
    file: RateReader,
    strip: usize,
    /// Ports that it feeds, with its channel for each.
    ports: Vec<(usize, usize)>,
    /// A chunk as it is in the file, where more than one port takes of it.
    raw: Vec<f32>,
    left: bool,
}

struct Output {
    path: PathBuf,
    /// What is written so far, beside the file; none where that is no file, such as a pipe.
    draft: Option<Draft>,
    writer: Writer,
    /// Ports in the order of the file's channels.
    ports: Vec<usize>,
    /// Frames still to be dropped from each channel.
    skip: Vec<usize>,
    resampler: Option<Resampler>,
    pending: Vec<Vec<f64>>,
    written: u64,
    peak: f64,
}

/// Splits `STRIP=FILE` at the first `=` after a known name.
fn split(text: &str, known: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    text.match_indices('=').map(|(i, _)| (&text[..i], &text[i + 1..])).find(|(name, _)| known(name))
}

/// A strip by id, name or address.
fn find(spec: &GraphSpec, name: &str) -> Option<usize> {
    spec.named(name).or_else(|| spec.strips.iter().position(|s| s.name == name))
}

fn unknown(spec: &GraphSpec, argument: &str, inputs: bool) -> Fail {
    let all = spec.strips.iter().filter(|s| !inputs || s.kind.has_input());
    let names: Vec<&str> = all.map(|s| s.id.as_str()).collect();
    let word = argument.split('=').next().unwrap_or_default();
    if names.contains(&argument) {
        return Fail::input(format!("\"{argument}\" names no file; expected {argument}=FILE"));
    }
    let near = crate::rig::diagnose::nearest(word, names.iter().copied());
    let hint = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
    let kind = if inputs { "a channel" } else { "a strip" };
    Fail::input(format!("\"{argument}\" does not start with {kind} of this rig and =; there are {}{hint}", names.join(", ")))
}

/// Changes a spec for files: asked strips get outputs, dither is the writer's affair.
fn adapt(spec: &mut GraphSpec, outs: &[usize], premaster: bool) {
    for (s, strip) in spec.strips.iter_mut().enumerate() {
        strip.chain.retain(|p| p.kind.decl().name != "dither");
        strip.output = outs.contains(&s).then(Vec::new);
        if premaster && strip.kind == StripKind::Main {
            let from = strip.chain.iter().position(|p| p.name == "glue");
            let chain = std::mem::take(&mut strip.chain);
            let keep = |(i, p): &(usize, headroom_dsp::graph::ProcSpec)| {
                from.is_none_or(|f| *i < f) && !matches!(p.kind.decl().name, "glue" | "limiter")
            };
            strip.chain = chain.into_iter().enumerate().filter(keep).map(|(_, p)| p).collect();
        }
    }
}

/// Runs the command.
pub fn run(args: &RenderArgs) -> Result<(), Fail> {
    let rig = load_rig(&args.rig)?;
    let rate = rig.settings.audio.rate;
    if !(args.tail.is_finite() && (0.0..=36_000.0).contains(&args.tail)) {
        return Err(Fail::input("--tail is out of range; expected 0 … 36000 seconds"));
    }
    if args.rate.is_some_and(|r| !(8000..=384_000).contains(&r)) {
        return Err(Fail::input("--rate is out of range; expected 8000 … 384000 Hz"));
    }
    let mut outs: Vec<(Vec<usize>, &str)> = Vec::new();
    for argument in &args.outputs {
        let known = |names: &str| find(&rig.spec, names).is_some() || names.split(',').all(|n| find(&rig.spec, n).is_some());
        let (names, file) = split(argument, known).ok_or_else(|| unknown(&rig.spec, argument, false))?;
        let one = find(&rig.spec, names).map(|s| vec![s]);
        outs.push((one.unwrap_or_else(|| names.split(',').filter_map(|n| find(&rig.spec, n)).collect()), file));
    }
    if outs.is_empty() {
        return Err(Fail::input("nothing to write: name an output, such as --out main=mix.wav"));
    }
    let mut spec = rig.spec.clone();
    let all: Vec<usize> = outs.iter().flat_map(|o| o.0.clone()).collect();
    adapt(&mut spec, &all, args.premaster);
    let desk = desk_of(&rig, spec, f64::from(rate))?;
    let mut inputs: Vec<Input> = Vec::new();
    for argument in &args.inputs {
        let input = open_input(argument, &desk, rate)?;
        if inputs.iter().any(|i| i.strip == input.strip) {
            return Err(Fail::input(format!("{argument}: this strip has a file already")));
        }
        inputs.push(input);
    }
    let frames = inputs.iter().map(|i| i.file.frames()).max().unwrap_or(0) + (args.tail * f64::from(rate)).round() as u64;
    let cue_list = match &args.cues {
        Some(path) => cues::load(path).map_err(Fail::Input)?,
        None => Vec::new(),
    };
    let mut player = cues::Player::new(&desk, Some(Book::beside(&args.rig)));
    let cue_list = match &args.cues {
        Some(path) => {
            let kept = of_what_is_rendered(cue_list, &player, &rig, path)?;
            player.check(&kept, &desk, path).map_err(Fail::Input)?;
            kept
        }
        None => cue_list,
    };
    // Nothing is written before all that is read was found good.
    let mut outputs = Vec::new();
    for (at, (strips, file)) in outs.iter().enumerate() {
        same_file(file, &args.inputs)?;
        if outs[..at].iter().any(|(_, other)| other == file) {
            return Err(Fail::input(format!("{file} is written twice; `--out a,b={file}` puts two strips into one file")));
        }
        outputs.push(open_output(strips, Path::new(file), &desk, args, rate)?);
    }
    let groups = cues::by_frame(cue_list, f64::from(rate));
    let late = outputs.iter().flat_map(|o| o.skip.iter().copied()).max().unwrap_or(0) as u64;
    let mut job = Job::new(desk, player, groups, f64::from(rate), args.period.map_or(CHUNK, |p| p as usize));
    let mut bar = Progress::new("render");
    let total = frames + late;
    let mut done = 0;
    while done < total {
        let n = (total - done).min(CHUNK as u64) as usize;
        for input in &mut inputs {
            input.read(&mut job.io, n)?;
        }
        job.chunk(n).map_err(Fail::Input)?;
        for output in &mut outputs {
            output.take(&job.io, n, frames)?;
        }
        done += n as u64;
        bar.at(done as f64 / total as f64);
    }
    drop(bar);
    finish(inputs, outputs, &job, args, rate)
}

/// Cues without those on processors that the rig has and a render takes out: dither, and for a premaster all from glue on.
fn of_what_is_rendered(cues: Vec<cues::Cue>, player: &cues::Player, rig: &Rig, file: &Path) -> Result<Vec<cues::Cue>, Fail> {
    if cues.iter().all(|cue| player.intent(cue).is_ok()) {
        return Ok(cues);
    }
    let whole = cues::Player::new(&desk_of(rig, rig.spec.clone(), f64::from(rig.settings.audio.rate))?, None);
    let (kept, out): (Vec<_>, Vec<_>) =
        cues.into_iter().partition(|cue| player.intent(cue).is_ok() || whole.intent(cue).is_err());
    for cue in out {
        tell!("{}:{}: {} is not in what is rendered; the cue is left out", file.display(), cue.line, cue.address);
    }
    Ok(kept)
}

/// An output must not be one of the inputs.
fn same_file(out: &str, inputs: &[String]) -> Result<(), Fail> {
    let real = |p: &str| std::fs::canonicalize(p).ok();
    let clash = inputs.iter().filter_map(|i| i.split_once('=')).any(|(_, f)| real(f).is_some() && real(f) == real(out));
    if clash { Err(Fail::input(format!("{out} is one of the inputs; choose another name for the output"))) } else { Ok(()) }
}

fn open_input(argument: &str, desk: &Desk, rate: u32) -> Result<Input, Fail> {
    let spec = desk.spec();
    let channel = |name: &str| find(spec, name).filter(|&s| spec.strips[s].kind.has_input());
    let (name, file) = split(argument, |n| channel(n).is_some()).ok_or_else(|| unknown(spec, argument, true))?;
    let strip = channel(name).ok_or_else(|| unknown(spec, argument, true))?;
    let reader = Reader::open(file)?;
    let found = reader.spec().clone();
    let sides = spec.strips[strip].channels();
    if found.channels > 2 || found.channels > sides {
        let want = if sides == 1 { "a mono file, or a stereo strip" } else { "a mono or stereo file" };
        return Err(Fail::input(format!(
            "{file} has {} channels and {name} is a strip of {sides}; expected {want}",
            found.channels
        )));
    }
    if found.rate != rate {
        tell!("{file}: converted from {} Hz to the rig's {rate} Hz", found.rate);
    }
    let first = desk.plan().ports.input[strip].unwrap_or(0);
    let ports = (0..sides).map(|side| (first + side, side.min(found.channels - 1))).collect();
    Ok(Input { raw: vec![0.0; CHUNK * found.channels], file: RateReader::new(reader, rate), strip, ports, left: true })
}

fn open_output(strips: &[usize], file: &Path, desk: &Desk, args: &RenderArgs, rate: u32) -> Result<Output, Fail> {
    let (mut ports, mut skip) = (Vec::new(), Vec::new());
    for &s in strips {
        let first = desk.plan().ports.output[s].unwrap_or(0);
        for side in 0..desk.spec().strips[s].channels() {
            ports.push(first + side);
            skip.push(desk.plan().latencies.output(s));
        }
    }
    let out_rate = args.rate.unwrap_or(rate);
    let dither = if args.bits.word().is_some() { args.dither } else { Shape::Off };
    let (container, seed) = (Container::of(file), desk.spec().seed);
    let format = Format { container, dither, seed, ..Format::new(out_rate, ports.len(), args.bits) };
    format.possible(file)?;
    let is_file = std::fs::metadata(file).map_or(true, |about| about.is_file());
    // A link stays one.
    let to = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let draft = is_file.then(|| Draft::beside(&to));
    let writer = Writer::create(draft.as_ref().map_or(file, Draft::path), &format)?;
    let resampler = (out_rate != rate).then(|| Resampler::new(rate, out_rate, ports.len()));
    let pending = vec![Vec::new(); ports.len()];
    Ok(Output { path: file.to_owned(), draft, writer, ports, skip, resampler, pending, written: 0, peak: 0.0 })
}

impl Input {
    /// Fills the ports of a chunk; silence after the end.
    fn read(&mut self, io: &mut Ports, n: usize) -> Result<(), Fail> {
        let channels = self.file.reader().spec().channels;
        if let [(port, _)] = self.ports[..] {
            // A mono file of a mono strip.
            let to = &mut io.inputs[port][..n];
            let got = self.fill(to)?;
            to[got..].fill(0.0);
            return Ok(());
        }
        let mut raw = std::mem::take(&mut self.raw);
        let got = self.fill(&mut raw[..n * channels])?;
        for &(port, channel) in &self.ports {
            let to = &mut io.inputs[port];
            for (x, raw) in to.iter_mut().zip(raw[..got * channels].iter().skip(channel).step_by(channels)) {
                *x = *raw;
            }
            to[got..n].fill(0.0);
        }
        self.raw = raw;
        Ok(())
    }

    /// Reads until `to` is full or the file ends; gives the frames read.
    fn fill(&mut self, to: &mut [f32]) -> Result<usize, Fail> {
        let channels = self.file.reader().spec().channels;
        let mut got = 0;
        while self.left && got * channels < to.len() {
            let frames = self.file.read(&mut to[got * channels..])?;
            self.left = frames > 0;
            got += frames;
        }
        Ok(got)
    }
}

impl Output {
    /// Takes a chunk, without the latency at the beginning and without what is beyond `frames`.
    fn take(&mut self, io: &Ports, n: usize, frames: u64) -> Result<(), Fail> {
        for ((pending, port), skip) in self.pending.iter_mut().zip(&self.ports).zip(&mut self.skip) {
            let drop = (*skip).min(n);
            *skip -= drop;
            pending.extend_from_slice(&io.outputs[*port][drop..n]);
        }
        let ready = self.pending.iter().map(Vec::len).min().unwrap_or(0).min((frames - self.written) as usize);
        let channels = self.ports.len();
        let mut block = vec![0.0; ready * channels];
        for (c, pending) in self.pending.iter_mut().enumerate() {
            for (frame, x) in block.chunks_exact_mut(channels).zip(&pending[..ready]) {
                frame[c] = *x;
            }
            self.peak = self.peak.max(peak_of(&pending[..ready]));
            pending.drain(..ready);
        }
        self.written += ready as u64;
        match &mut self.resampler {
            Some(resampler) => {
                let mut converted = Vec::new();
                resampler.process(&block, &mut converted);
                self.writer.write_f64(&converted)?;
            }
            None => self.writer.write_f64(&block)?,
        }
        Ok(())
    }
}

/// The largest magnitude; eight at a time, so that none waits for the one before it.
fn peak_of(samples: &[f64]) -> f64 {
    let (whole, rest) = samples.as_chunks::<8>();
    let mut peaks = [0.0f64; 8];
    for eight in whole {
        for (peak, x) in peaks.iter_mut().zip(eight) {
            *peak = if x.abs() > *peak { x.abs() } else { *peak };
        }
    }
    peaks.iter().chain(rest).fold(0.0, |peak, x| peak.max(x.abs()))
}

fn finish(inputs: Vec<Input>, outputs: Vec<Output>, job: &Job, args: &RenderArgs, rate: u32) -> Result<(), Fail> {
    for input in &inputs {
        let reader = input.file.reader();
        if reader.non_finite() > 0 {
            tell!("{}: {} samples were not finite and read as 0", reader.path().display(), reader.non_finite());
        }
        for remark in reader.remarks() {
            tell!("{}: {remark}", job.desk.spec().strips[input.strip].id);
        }
    }
    for shift in &job.shifts {
        let (by, way) = (shift.from.abs_diff(shift.to), if shift.to > shift.from { "later" } else { "earlier" });
        let id = &job.desk.spec().strips[shift.strip].id;
        tell!(
            "{id}: warning: a cue at frame {} changes its latency from {} to {} frames; from there on its file is {by} frames {way} \
             than the input, as on stage. Set the look-ahead or source in the rig to have one latency throughout",
            shift.frame,
            shift.from,
            shift.to
        );
    }
    for mut output in outputs {
        if let Some(resampler) = &mut output.resampler {
            let mut rest = Vec::new();
            resampler.finish(&mut rest);
            output.writer.write_f64(&rest)?;
        }
        let written = output.writer.finish()?;
        if let Some(draft) = output.draft {
            draft.keep()?;
        }
        if written.clipped > 0 {
            tell!("{}: {} samples clipped at full scale", output.path.display(), written.clipped);
        }
        if args.premaster && output.peak > 10f64.powf(-3.0 / 20.0) {
            let db = 20.0 * output.peak.log10();
            tell!("{}: peaks reach {db:.1} dBFS; a premaster should stay under −3", output.path.display());
        }
        say!("{}  {:.3} s", output.path.display(), written.frames as f64 / f64::from(args.rate.unwrap_or(rate)));
    }
    Ok(())
}
