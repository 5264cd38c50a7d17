// Curves of processors over frequency or level, by the prototypes that the console realises.

/** Magnitude in dB at a frequency of one EQ band: analog prototypes, s = jf/f0, A = 10^(gain/40). */
export function bandDb(type, f0, gain, q, f) {
  const w = f / f0;
  const a = Math.pow(10, gain / 40);
  const d = [1 - w * w, w / q];
  switch (type) {
    case "peak":
      return ratioDb([1 - w * w, (w * a) / q], [1 - w * w, w / (a * q)]);
    case "lowshelf":
      return 20 * Math.log10(a) + ratioDb([a - w * w, (w * Math.sqrt(a)) / q], [1 - a * w * w, (w * Math.sqrt(a)) / q]);
    case "highshelf":
      return 20 * Math.log10(a) + ratioDb([1 - a * w * w, (w * Math.sqrt(a)) / q], [a - w * w, (w * Math.sqrt(a)) / q]);
    case "lowcut":
      return ratioDb([-w * w, 0], d);
    case "highcut":
      return ratioDb([1, 0], d);
    case "bandpass":
      return ratioDb([0, w / q], d);
    case "notch":
      return ratioDb([1 - w * w, 0], d);
    default:
      return 0;
  }
}

const ratioDb = ([a, b], [c, d]) => 10 * Math.log10(Math.max(1e-12, a * a + b * b) / Math.max(1e-12, c * c + d * d));

/** Magnitude in dB of a Butterworth filter of so many dB an octave. */
export function butterworthDb(high, f0, slope, f) {
  const ratio = high ? f0 / f : f / f0;
  return -10 * Math.log10(1 + Math.pow(ratio, slope / 3));
}

/** Gain change in dB at a level, for a compressor: `knee` is the whole width, centred. */
export function compressorDb(level, threshold, ratio, knee) {
  const slope = ratio >= 100 ? -1 : 1 / ratio - 1;
  const over = level - threshold;
  const half = Math.max(knee, 1e-6) / 2;
  const bend = Math.min(Math.max(over + half, 0), 2 * half);
  return slope * ((bend * bend) / (4 * half) + Math.max(over - half, 0));
}

/**
 * Output level over input level of a dynamics processor with these values, or null where its curve is not one of
 * level. What the processor is shows in its parameters.
 */
export function transfer(values) {
  const v = values;
  const has = (...names) => names.every((name) => typeof v[name] === "number");
  if (has("threshold", "ratio", "knee")) {
    const mix = has("mix") ? v.mix : 1;
    return (x) => {
      const wet = compressorDb(x, v.threshold, v.ratio, v.knee) + (v.makeup ?? v.gain ?? 0);
      return x + (mix >= 1 ? wet : 20 * Math.log10(Math.max(1e-9, 1 - mix + mix * Math.pow(10, wet / 20))));
    };
  }
  if (has("threshold", "ratio", "range", "hysteresis")) {
    if (v.ratio >= 100) return (x) => (x < v.threshold ? x - v.range : x);
    return (x) => x + Math.max(Math.min(0, (x - v.threshold) * (v.ratio - 1)), v.ratio > 1 ? -v.range : 0);
  }
  if (has("ceiling", "gain")) return (x) => Math.min(x + v.gain, v.ceiling);
  return null;
}
