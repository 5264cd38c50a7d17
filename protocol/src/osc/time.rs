//! Time tags: seconds since 1900 in 32.32 fixed point (NTP, RFC 5905).
//!
//! The seconds wrap in February 2036. All differences here are taken modulo 2³² seconds, so two
//! times less than 68 years apart compare rightly on both sides of that day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time tag of a bundle that takes effect at once (OSC 1.0: 63 zero bits, then a one).
pub const IMMEDIATE: u64 = 1;

/// 1970-01-01 as a time tag.
const UNIX_TAG: u64 = 2_208_988_800 << 32;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// When a time tag falls, seen from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The tag is [`IMMEDIATE`], 0, or exactly now.
    Now,
    /// The tag is in the future by this much.
    In(Duration),
    /// The tag is in the past by this much.
    Late(Duration),
}

/// A length of time in units of 2⁻³² s, to the nearest; whole seconds modulo 2³².
pub fn from_duration(duration: Duration) -> u64 {
    let nanos = u64::from(duration.subsec_nanos());
    let fraction = ((nanos << 32) + NANOS_PER_SECOND / 2) / NANOS_PER_SECOND;
    (duration.as_secs() << 32) + fraction
}

/// A length of time from units of 2⁻³² s, to the nearest nanosecond.
///
/// Gives back exactly what [`from_duration`] was given, below 2³² s.
pub fn to_duration(units: u64) -> Duration {
    let fraction = units & 0xffff_ffff;
    let nanos = (fraction * NANOS_PER_SECOND + (1 << 31)) >> 32;
    Duration::from_secs(units >> 32) + Duration::from_nanos(nanos)
}

/// The time tag of a point in time, in whatever NTP era it falls.
pub fn from_system(time: SystemTime) -> u64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => UNIX_TAG.wrapping_add(from_duration(since)),
        Err(before) => UNIX_TAG.wrapping_sub(from_duration(before.duration())),
    }
}

/// The point in time that a tag names, taken in the era in which it is nearest to `near`.
///
/// `None` where `SystemTime` cannot hold it.
pub fn to_system(tag: u64, near: SystemTime) -> Option<SystemTime> {
    let ahead = tag.wrapping_sub(from_system(near)).cast_signed();
    let distance = to_duration(ahead.unsigned_abs());
    if ahead < 0 { near.checked_sub(distance) } else { near.checked_add(distance) }
}

/// When `tag` falls if it is `now` now.
pub fn due(tag: u64, now: u64) -> Due {
    let ahead = tag.wrapping_sub(now).cast_signed();
    let distance = to_duration(ahead.unsigned_abs());
    match ahead {
        _ if tag <= IMMEDIATE => Due::Now,
        0 => Due::Now,
        1.. => Due::In(distance),
        _ => Due::Late(distance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2036-02-07 06:28:16 UTC, where the seconds start again at 0.
    const ERA: Duration = Duration::from_secs((1 << 32) - 2_208_988_800);

    #[test]
    fn known_points_in_time() {
        assert_eq!(from_system(UNIX_EPOCH), 0x83aa_7e80_0000_0000);
        let half = UNIX_EPOCH + Duration::from_millis(500);
        assert_eq!(from_system(half), 0x83aa_7e80_8000_0000);
        assert_eq!(from_system(UNIX_EPOCH + ERA), 0);
        assert_eq!(from_system(UNIX_EPOCH - Duration::from_secs(1)), 0x83aa_7e7f_0000_0000);
    }

    #[test]
    fn a_tag_is_due_before_at_or_after_now() {
        let now = from_system(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let second = 1 << 32;
        assert_eq!(due(IMMEDIATE, now), Due::Now);
        assert_eq!(due(0, now), Due::Now);
        assert_eq!(due(now, now), Due::Now);
        assert_eq!(due(now + second, now), Due::In(Duration::from_secs(1)));
        assert_eq!(due(now - second / 4, now), Due::Late(Duration::from_millis(250)));
    }

    #[test]
    fn a_cue_across_the_turn_of_the_era_is_in_the_future() {
        let before = UNIX_EPOCH + ERA - Duration::from_secs(2);
        let cue = before + Duration::from_secs(5);
        assert_eq!(due(from_system(cue), from_system(before)), Due::In(Duration::from_secs(5)));
        assert_eq!(to_system(from_system(cue), before), Some(cue));
    }

    proptest! {
        #[test]
        fn nanoseconds_survive(secs in 0u64..1 << 32, nanos in 0u32..1_000_000_000) {
            let duration = Duration::new(secs, nanos);
            prop_assert_eq!(to_duration(from_duration(duration)), duration);
        }

        #[test]
        fn any_tag_has_an_answer(tag: u64, now: u64) {
            let _ = due(tag, now);
            let _ = to_system(tag, UNIX_EPOCH);
            let _ = to_duration(tag);
        }
    }
}
