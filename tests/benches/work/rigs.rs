//! The rigs of the works.

use std::fmt::Write;

/// `n` channels, no two alike, into main; with `auxes` mono auxes that every channel feeds. `head` is the text of the
/// tables in front, `input` that of a channel's port.
pub fn strips(n: usize, auxes: usize, true_peak: bool, head: &str, input: &str) -> String {
    let mut text = format!("name = \"Work\"\n{head}");
    for i in 0..n {
        let k = i as f64;
        let _ = write!(
            text,
            "[[channel]]\nname = \"C{i}\"\n{input}\nfader = {:.3}\npan = {:.3}\n\
             hpf = {{ on = true, freq = {:.1} }}\n\
             eq.1 = {{ type = \"lowshelf\", freq = {:.1}, gain = 2.0 }}\n\
             eq.2 = {{ freq = {:.1}, gain = -3.0, q = 1.1 }}\n\
             eq.3 = {{ freq = {:.1}, gain = 2.5, q = 0.9 }}\n\
             eq.4 = {{ type = \"highshelf\", freq = {:.1}, gain = 1.5 }}\n\
             gate = {{ on = true, threshold = -45, range = 60, attack = 1, hold = 20, release = {:.1} }}\n\
             comp = {{ on = true, threshold = {:.2}, ratio = 4, knee = 6, attack = 10, release = 120, makeup = 3 }}\n",
            -6.0 - k / 16.0,
            (k / 16.0) % 1.0 - 0.5,
            60.0 + k,
            110.0 + k,
            400.0 + 3.0 * k,
            2500.0 + 11.0 * k,
            8000.0 + 13.0 * k,
            100.0 + k,
            -20.0 - k / 64.0,
        );
        for a in 0..auxes {
            let _ = writeln!(text, "send.aux-{a} = {{ level = {:.3} }}", -10.0 - (k + a as f64) / 16.0);
        }
    }
    for a in 0..auxes {
        let _ = write!(
            text,
            "[[bus]]\nname = \"Aux {a}\"\nkind = \"aux\"\nstereo = false\nchain = [\"eq\", \"limiter\"]\n\
             eq.1 = {{ type = \"lowshelf\", freq = 100, gain = 1.0 }}\neq.2 = {{ freq = {}, gain = -2.0 }}\n\
             eq.3 = {{ freq = 2500, gain = -3.0 }}\neq.4 = {{ type = \"highshelf\", freq = 8000, gain = 1.0 }}\n\
             limiter = {{ on = true, lookahead = 5, true-peak = {true_peak} }}\n",
            300 + 20 * a
        );
    }
    let _ = write!(
        text,
        "[main]\nchain = [\"eq\", \"glue\", \"limiter\"]\n\
         eq.1 = {{ type = \"lowshelf\", freq = 90, gain = 1.0 }}\neq.2 = {{ freq = 300, gain = -1.0 }}\n\
         eq.3 = {{ freq = 3000, gain = 1.0 }}\neq.4 = {{ type = \"highshelf\", freq = 10000, gain = 1.0 }}\n\
         glue = {{ on = true, threshold = -12, ratio = 2 }}\n\
         limiter = {{ on = true, ceiling = -1, lookahead = 5, true-peak = {true_peak} }}\n"
    );
    text
}

/// Stereo in, four effect buses in parallel: two reverbs, a stereo echo with feedback, a stereo chorus.
pub fn effects() -> String {
    let mut text = "name = \"Effects\"\n[[channel]]\nname = \"C\"\nstereo = true\nchain = []\n".to_owned();
    for bus in ["hall", "plate", "echo", "chorus"] {
        let _ = writeln!(text, "send.{bus} = {{ level = -6.0 }}");
    }
    for (bus, chain, keys) in [
        ("Hall", "reverb", "reverb = { type = \"hall\", time = 2.4 }"),
        ("Plate", "reverb", "reverb = { type = \"plate\", time = 1.4, predelay = 10 }"),
        ("Echo", "echo", "echo = { left = 375, right = 500, feedback = 0.4, lowcut = 120, highcut = 6000 }"),
        ("Chorus", "chorus", "chorus = { rate = 0.8, depth = 2, delay = 12, voices = 2 }"),
    ] {
        let _ = write!(text, "[[bus]]\nname = \"{bus}\"\nkind = \"fx\"\nchain = [\"{chain}\"]\n{keys}\n");
    }
    text + "[main]\nchain = []\n"
}
