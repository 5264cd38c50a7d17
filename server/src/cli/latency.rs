//! `headroom latency`: a loop through JACK, measured by a signal that goes out of one port and comes back in another.
//!
//! The signal is a maximum length sequence: white noise that repeats after 2ⁿ−1 samples and correlates with itself in one
//! sample alone, so that a quiet one stands out of whatever else is on the line.

use super::Fail;
use crate::backend::Direction;
use crate::backend::jack::log_quietly;
use crate::backend::ports::{Candidate, resolve};
use crossbeam_channel::{Receiver, Sender, bounded};
use jack::{
    AsyncClient, AudioIn, AudioOut, Client, ClientOptions, Control, LatencyType, Port, PortFlags, ProcessHandler, ProcessScope,
};
use realfft::RealFftPlanner;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const AUDIO: &str = "32 bit float mono audio";
/// Register length of the sequence and its taps: x¹⁴ + x¹³ + x¹² + x² + 1 has the longest period.
const BITS: u32 = 14;
const TAPS: u32 = 0b11_1000_0000_0010;
/// Longest loop that is found, in seconds.
const LONGEST_S: f64 = 0.5;
/// How far the peak of the correlation has to stand above its root mean square.
const CLEAR: f64 = 10.0;

/// Arguments of `latency`.
#[derive(clap::Args)]
pub struct LatencyArgs {
    /// Where the signal goes out to: a JACK port or the n-th physical one, `playback:N`.
    #[arg(long, value_name = "PORT", default_value = "playback:1")]
    out: String,
    /// Where it comes back from, `capture:N` or a JACK port.
    #[arg(long = "in", value_name = "PORT", default_value = "capture:1")]
    back: String,
    /// Peak of the signal, dBFS.
    #[arg(long, default_value_t = -20.0, allow_hyphen_values = true)]
    level: f64,
    /// How often it is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    count: u32,
    /// As a JSON object.
    #[arg(long)]
    json: bool,
}

/// A maximum length sequence of ±1.
fn sequence() -> Vec<f32> {
    let mut register = 1u32;
    let step = || {
        let bit = register & 1;
        register >>= 1;
        if bit == 1 {
            register ^= TAPS;
        }
        if bit == 1 { 1.0 } else { -1.0 }
    };
    std::iter::repeat_with(step).take((1 << BITS) - 1).collect()
}

/// Plays the signal and records what comes back, once.
struct Probe {
    out: Port<AudioOut>,
    back: Port<AudioIn>,
    signal: Vec<f32>,
    recorded: Vec<f32>,
    at: usize,
    /// JACK's count of frames at the end of the last period; where the next does not follow, JACK left something out.
    next: Option<u32>,
    /// Frames of the recording at which that happened.
    gaps: Vec<usize>,
    done: Sender<Recording>,
    /// The thread is to end by itself: libjack cancels one that does not, and in the midst of Rust that aborts.
    quit: Arc<AtomicBool>,
}

/// What was heard, and the frames at which JACK left something out.
type Recording = (Vec<f32>, Vec<usize>);

impl ProcessHandler for Probe {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        let (out, back) = (self.out.as_mut_slice(scope), self.back.as_slice(scope));
        out.fill(0.0);
        let n = out.len().min(self.recorded.len() - self.at);
        let frame = scope.last_frame_time();
        if n > 0 && self.next.is_some_and(|next| next != frame) && self.gaps.len() < self.gaps.capacity() {
            self.gaps.push(self.at);
        }
        self.next = Some(frame.wrapping_add(scope.n_frames()));
        out[..n].copy_from_slice(&self.signal[self.at..self.at + n]);
        self.recorded[self.at..self.at + n].copy_from_slice(&back[..n]);
        self.at += n;
        if n > 0 && self.at == self.recorded.len() {
            let _ = self.done.try_send((std::mem::take(&mut self.recorded), std::mem::take(&mut self.gaps)));
            self.at = 0;
            self.signal = Vec::new();
        }
        if self.quit.load(Ordering::Relaxed) { Control::Quit } else { Control::Continue }
    }
}

/// What one turn of the signal found.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Found {
    /// Frames.
    frames: usize,
    /// How clearly, as a multiple of [`CLEAR`].
    clear: f64,
    inverted: bool,
    gain_db: f64,
}

/// Where in `heard` the sequence begins, if it does.
fn find(sequence: &[f32], heard: &[f32], level: f64) -> Option<Found> {
    let size = (sequence.len() + heard.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let spectrum = |samples: &[f32]| {
        let mut time = forward.make_input_vec();
        time.iter_mut().zip(samples).for_each(|(to, x)| *to = f64::from(*x));
        let mut bins = forward.make_output_vec();
        // The buffers are the plan's own.
        forward.process(&mut time, &mut bins).ok().map(|()| bins)
    };
    let (played, heard_bins) = (spectrum(sequence)?, spectrum(heard)?);
    let mut product: Vec<_> = heard_bins.iter().zip(&played).map(|(h, p)| h * p.conj()).collect();
    let last = product.len() - 1;
    (product[0].im, product[last].im) = (0.0, 0.0);
    let mut time = inverse.make_output_vec();
    inverse.process(&mut product, &mut time).ok()?;
    let lags = heard.len() - sequence.len();
    let rms = (time[..lags].iter().map(|x| x * x).sum::<f64>() / lags as f64).sqrt();
    let frames = (0..lags).max_by(|&a, &b| time[a].abs().total_cmp(&time[b].abs()))?;
    let clear = time[frames].abs() / (rms.max(1e-30) * CLEAR);
    let gain = time[frames].abs() / size as f64 / sequence.len() as f64 / level;
    (clear > 1.0).then_some(Found { frames, clear, inverted: time[frames] < 0.0, gain_db: 20.0 * gain.log10() })
}

fn candidates(client: &Client, flags: PortFlags) -> Vec<Candidate> {
    let physical = client.ports(None, Some(AUDIO), flags | PortFlags::IS_PHYSICAL);
    let all = client.ports(None, Some(AUDIO), flags);
    all.into_iter().map(|name| Candidate { physical: physical.contains(&name), name }).collect()
}

/// The one port that a name means.
fn port(client: &Client, name: &str, direction: Direction) -> Result<String, Fail> {
    let flags = if direction == Direction::In { PortFlags::IS_OUTPUT } else { PortFlags::IS_INPUT };
    let found = candidates(client, flags);
    let option = if direction == Direction::In { "--in" } else { "--out" };
    match resolve(name, direction, &found, "")[..] {
        [one] => Ok(one.to_owned()),
        [] => Err(Fail::input(format!("{option} {name}: there is no such port; `headroom ports` lists them"))),
        _ => Err(Fail::input(format!("{option} {name} means more than one port"))),
    }
}

/// Runs `headroom latency`.
pub fn run(args: &LatencyArgs) -> Result<(), Fail> {
    // The `jack` crate panics where the library is missing.
    if jack::jack_sys::library().is_err() {
        return Err(Fail::running("JACK's library is not on this machine: install libjack-jackd2-0 or pipewire-jack"));
    }
    if !(-120.0..=0.0).contains(&args.level) {
        return Err(Fail::input("--level is from -120 to 0 dBFS"));
    }
    log_quietly();
    let failed = |error: jack::Error| Fail::running(format!("JACK: {error}"));
    let (client, _) = Client::new("headroom-latency", ClientOptions::NO_START_SERVER)
        .map_err(|_| Fail::running("no JACK server answers; start one: the loop goes through it"))?;
    let (to, from) = (port(&client, &args.out, Direction::Out)?, port(&client, &args.back, Direction::In)?);
    let (rate, period) = (client.sample_rate() as usize, client.buffer_size() as usize);
    let (sequence, level) = (sequence(), 10f64.powf(args.level / 20.0));
    let turn = sequence.len() + (LONGEST_S * rate as f64) as usize;
    // Silence first, for the server to have connected everything.
    let lead = rate / 4;
    let mut signal = vec![0.0; lead + turn * args.count as usize];
    for turn in signal[lead..].chunks_exact_mut(turn) {
        turn.iter_mut().zip(&sequence).for_each(|(to, x)| *to = x * level as f32);
    }
    let (done, results) = bounded(1);
    let out = client.register_port("out", AudioOut::default()).map_err(failed)?;
    let back = client.register_port("in", AudioIn::default()).map_err(failed)?;
    let (out_name, back_name) = (out.name().map_err(failed)?, back.name().map_err(failed)?);
    let (out_port, back_port) = (out.clone_unowned(), back.clone_unowned());
    let (recorded, quit) = (vec![0.0; signal.len()], Arc::new(AtomicBool::new(false)));
    let probe = Probe { out, back, signal, recorded, at: 0, next: None, gaps: Vec::with_capacity(64), done, quit: quit.clone() };
    let patience = Duration::from_secs_f64(probe.recorded.len() as f64 / rate as f64 * 2.0 + 5.0);
    let client = client.activate_async((), probe).map_err(failed)?;
    for (from, to) in [(&out_name, &to), (&from, &back_name)] {
        match client.as_client().connect_ports_by_name(from, to) {
            // A console gives a client that comes again the cables that it had.
            Ok(()) | Err(jack::Error::PortAlreadyConnected(..)) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let heard = wait(&results, patience);
    let reported = out_port.get_latency_range(LatencyType::Playback).1 + back_port.get_latency_range(LatencyType::Capture).1;
    leave(client, quit);
    let (recorded, gaps) = heard?;

    let turns = recorded[lead..].chunks_exact(turn).enumerate();
    let whole = turns.filter(|(n, _)| !gaps.iter().any(|gap| (lead + n * turn..lead + (n + 1) * turn).contains(gap)));
    let whole: Vec<&[f32]> = whole.map(|(_, heard)| heard).collect();
    if whole.is_empty() {
        return Err(Fail::running("JACK left out periods in every turn: the machine is too busy to measure; try again"));
    }
    let found: Vec<Found> = whole.iter().filter_map(|heard| find(&sequence, heard, level)).collect();
    let Some(first) = found.first() else {
        return Err(Fail::running(format!(
            "no loop: nothing of the signal that went out to {to} came back from {from} within {LONGEST_S} s; put a cable \
             between the two, or name other ports with --out and --in"
        )));
    };
    let (least, most) = (found.iter().map(|f| f.frames).min().unwrap_or(0), found.iter().map(|f| f.frames).max().unwrap_or(0));
    let ms = |frames: usize| frames as f64 * 1e3 / rate as f64;
    if args.json {
        say!(
            "{}",
            json!({
                "frames": first.frames, "ms": ms(first.frames), "least": least, "most": most, "measured": found.len(),
                "reported": reported, "gain": first.gain_db, "inverted": first.inverted, "rate": rate, "period": period,
                "out": to, "in": from,
            })
        );
        return Ok(());
    }
    say!("{to} to {from}: {} frames, {:.2} ms", first.frames, ms(first.frames));
    if least != most {
        say!("it wandered from {least} to {most} frames in {} turns", found.len());
    } else {
        say!("the same in {} of {} turns; {} left out by JACK", found.len(), args.count, args.count as usize - whole.len());
    }
    let sign = if first.inverted { ", inverted" } else { "" };
    say!("came back at {:.1} dB{sign}; period {period} frames at {rate} Hz", first.gain_db);
    let beyond = first.frames as i64 - i64::from(reported);
    say!("JACK reports {reported} frames ({:.2} ms) for the two ports; measured {beyond:+} frames", ms(reported as usize));
    Ok(())
}

fn wait(results: &Receiver<Recording>, patience: Duration) -> Result<Recording, Fail> {
    results.recv_timeout(patience).map_err(|_| Fail::running("JACK stopped calling; is the server still there?"))
}

/// Ends the client; a server that hangs does not hold up the answer.
fn leave(client: AsyncClient<(), Probe>, quit: Arc<AtomicBool>) {
    let (done, ended) = bounded(1);
    std::thread::spawn(move || {
        quit.store(true, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(200));
        drop(client);
        let _ = done.send(());
    });
    let _ = ended.recv_timeout(Duration::from_secs(2));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_has_its_longest_period() {
        let sequence = sequence();
        let sum: f32 = sequence.iter().sum();
        assert_eq!(sum.abs(), 1.0, "one more of one sign than of the other");
        let shifted = |by: usize| (0..sequence.len()).map(|n| sequence[n] * sequence[(n + by) % sequence.len()]).sum::<f32>();
        assert!((1..200).all(|by| shifted(by) == -1.0));
    }

    #[test]
    fn a_delay_is_found_to_the_frame_through_noise_and_inversion_and_silence_is_no_loop() {
        let (sequence, level) = (sequence(), 0.1);
        for (delay, gain) in [(0usize, 1.0f32), (64, 0.5), (4_711, -0.1)] {
            let mut noise = 1u32;
            let mut heard: Vec<f32> = (0..sequence.len() + 24_000)
                .map(|_| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (noise >> 8) as f32 / 8_388_608.0 * 0.01 - 0.01
                })
                .collect();
            assert_eq!(find(&sequence, &heard, level), None, "noise alone");
            for (n, x) in sequence.iter().enumerate() {
                heard[delay + n] += x * gain * level as f32;
            }
            let found = find(&sequence, &heard, level).expect("a loop");
            assert_eq!((found.frames, found.inverted), (delay, gain < 0.0));
            assert!((found.gain_db - f64::from(20.0 * gain.abs().log10())).abs() < 0.2, "{found:?}");
        }
        assert_eq!(find(&sequence, &vec![0.0; sequence.len() + 24_000], level), None);
    }
}
