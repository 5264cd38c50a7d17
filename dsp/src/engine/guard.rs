//! Flush-to-zero for the duration of a callback.

/// Sets flush-to-zero (and denormals-are-zero) on this thread and puts back what was there on drop.
pub struct FlushToZero {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    before: u64,
}

impl FlushToZero {
    /// Sets it.
    #[inline]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let mut before = 0u32;
            // SAFETY: reads and writes MXCSR, with only the flush bits (15 and 6) changed; restored on drop.
            unsafe {
                std::arch::asm!("stmxcsr [{}]", in(reg) &mut before, options(nostack));
                let with = before | 0x8040;
                std::arch::asm!("ldmxcsr [{}]", in(reg) &with, options(nostack, readonly));
            }
            FlushToZero { before: u64::from(before) }
        }
        #[cfg(target_arch = "aarch64")]
        {
            let before: u64;
            // SAFETY: reads and writes FPCR, with only the flush bit (24) changed; restored on drop.
            unsafe {
                std::arch::asm!("mrs {}, fpcr", out(reg) before, options(nostack, nomem));
                std::arch::asm!("msr fpcr, {}", in(reg) before | (1 << 24), options(nostack, nomem));
            }
            FlushToZero { before }
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        FlushToZero {}
    }
}

impl Drop for FlushToZero {
    #[inline]
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        {
            let before = self.before as u32;
            // SAFETY: puts back the value that `new` read.
            unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &before, options(nostack, readonly)) };
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: puts back the value that `new` read.
        unsafe {
            std::arch::asm!("msr fpcr, {}", in(reg) self.before, options(nostack, nomem));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denormals_are_flushed_inside_and_kept_outside() {
        let tiny = std::hint::black_box(f32::MIN_POSITIVE);
        {
            let _guard = FlushToZero::new();
            assert_eq!(std::hint::black_box(tiny) * std::hint::black_box(0.5), 0.0);
        }
        assert!(std::hint::black_box(tiny) * std::hint::black_box(0.5) > 0.0);
    }
}
