//! `/login`: a token for a role. Guessing is slow: the attempts of a host are counted.

use super::Hub;
use super::client::one_host;
use super::mixer::Mixer;
use super::roles::{By, Standing};
use headroom_protocol::intent::Secret;
use headroom_protocol::osc::encode::Arg;
use std::collections::HashMap;
use std::net::IpAddr;

const SECOND: u64 = 1_000_000_000;
/// Wrong tokens of a host before it has to wait.
const FREE: u32 = 5;
/// Longest wait, in seconds.
const LONGEST: u64 = 60;
/// Time without a wrong token after which a host starts anew, in nanoseconds.
const FORGOTTEN: u64 = 600 * SECOND;
/// Hosts remembered at a time.
const HOSTS: usize = 1_024;
/// Wrong tokens a second, of all hosts together.
const ALL: u32 = 50;

/// Wrong tokens so far.
#[derive(Default)]
pub(super) struct Gate {
    hosts: HashMap<Option<IpAddr>, Tries>,
    /// The second that is counted, and its wrong tokens.
    second: u64,
    wrong: u32,
}

#[derive(Default)]
struct Tries {
    wrong: u32,
    last: u64,
    closed_until: u64,
}

fn host(at: Option<IpAddr>) -> Option<IpAddr> {
    at.map(one_host)
}

impl Gate {
    /// Seconds that a host has to wait before its next attempt; 0 where it may try.
    pub fn wait(&self, at: Option<IpAddr>, now: u64) -> u64 {
        let closed = self.hosts.get(&host(at)).map_or(0, |t| t.closed_until);
        let all = if self.wrong >= ALL && now / SECOND == self.second { 1 } else { 0 };
        closed.saturating_sub(now).div_ceil(SECOND).max(all)
    }

    /// Takes note of a wrong token.
    pub fn wrong(&mut self, at: Option<IpAddr>, now: u64) {
        if now / SECOND != self.second {
            (self.second, self.wrong) = (now / SECOND, 0);
        }
        self.wrong += 1;
        let host = host(at);
        if self.hosts.len() >= HOSTS && !self.hosts.contains_key(&host) {
            self.hosts.retain(|_, t| t.last + FORGOTTEN > now);
            let oldest = self.hosts.iter().min_by_key(|(_, t)| t.last).map(|(host, _)| *host);
            if let Some(oldest) = oldest.filter(|_| self.hosts.len() >= HOSTS) {
                self.hosts.remove(&oldest);
            }
        }
        let tries = self.hosts.entry(host).or_default();
        if tries.last + FORGOTTEN <= now {
            tries.wrong = 0;
        }
        tries.wrong += 1;
        tries.last = now;
        if let Some(over) = tries.wrong.checked_sub(FREE) {
            tries.closed_until = now + SECOND * (1u64 << over.min(6)).min(LONGEST);
        }
    }

    /// Takes note of a right token.
    pub fn right(&mut self, at: Option<IpAddr>) {
        self.hosts.remove(&host(at));
    }
}

impl<M: Mixer> Hub<M> {
    /// The standing that a token gives to who comes from a host.
    ///
    /// # Errors
    /// No role has it, or the host has to wait after wrong ones.
    pub fn standing_of(&mut self, host: Option<IpAddr>, token: &str, now: u64) -> Result<Standing, String> {
        let wait = self.gate.wait(host, now);
        if wait > 0 {
            return Err(format!("too many wrong tokens; wait {wait} s"));
        }
        let Some(standing) = self.roles.with_token(token) else {
            self.gate.wrong(host, now);
            self.counters.wrong_tokens += 1;
            tracing::warn!("a wrong token");
            return Err("no role has this token".into());
        };
        self.gate.right(host);
        Ok(standing)
    }

    /// Takes the role of a token; without one tells which role it is.
    pub(super) fn login(&mut self, by: By, token: Option<Secret>, now: u64) -> Result<(), String> {
        if let Some(Secret(token)) = token {
            let client = self.clients.get(by.client).ok_or("unknown client")?;
            let (host, span) = (client.way.host(), client.span.clone());
            let standing = span.in_scope(|| self.standing_of(host, &token, now))?;
            let client = self.clients.get(by.client).ok_or("unknown client")?;
            let name = self.roles.name(self.roles.of(&standing));
            client.span.in_scope(|| tracing::info!(role = name, "logged in"));
            self.stand(by.client, standing);
        }
        let role = self.roles.name(self.by(by.client).role).to_owned();
        self.reply(by.client, "/login", [Arg::from(role)], now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_waits_longer_and_longer_and_others_do_not() {
        let (mut gate, one, two) = (Gate::default(), "10.0.0.1".parse().ok(), "10.0.0.2".parse().ok());
        let mut now = 5 * SECOND;
        let mut guesses = 0;
        let end = now + 3600 * SECOND;
        while now < end {
            match gate.wait(one, now) {
                0 => {
                    gate.wrong(one, now);
                    guesses += 1;
                }
                wait => now += wait * SECOND,
            }
            assert_eq!(gate.wait(two, now), 0);
        }
        assert!((60..80).contains(&guesses), "{guesses} in an hour");
        gate.right(one);
        assert_eq!(gate.wait(one, now), 0);
    }

    #[test]
    fn many_hosts_together_are_slow_too_and_cost_little() {
        let mut gate = Gate::default();
        let mut guesses = 0;
        for n in 0..100_000u32 {
            let at = Some(IpAddr::from(n.to_be_bytes()));
            if gate.wait(at, 10 * SECOND) == 0 {
                gate.wrong(at, 10 * SECOND);
                guesses += 1;
            }
        }
        assert_eq!(guesses, ALL);
        for n in 0..5_000u64 {
            gate.wrong(Some(IpAddr::from((n as u32).to_be_bytes())), (20 + n) * SECOND);
        }
        assert!(gate.hosts.len() <= HOSTS);
        // Half an IPv6 address is one host's to choose.
        let v6 = |low: u16| Some(IpAddr::from([0xfd00, 0, 0, 1, 0, 0, 0, low]));
        (0..9).for_each(|n| gate.wrong(v6(n), 9_000_000 * SECOND));
        assert!(gate.wait(v6(77), 9_000_000 * SECOND) > 1);
    }
}
