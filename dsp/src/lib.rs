//! headroom-dsp
