// The console as this page knows it: values, what is known about each address, and who wants to hear of changes.

const JSON_ONLY = { headers: { Accept: "application/json" }, credentials: "same-origin" };

export class Store {
  constructor() {
    this.values = new Map();
    this.listeners = new Map();
    this.dirty = new Set();
    this.held = new Map();
    /** Addresses whose last set the console has not confirmed: `{ n: question behind it, value, at }`. */
    this.inFlight = new Map();
    this.doubtful = new Set();
    this.metas = new Map();
    this.fetched = new Map();
    this.readOnly = new Set();
    this.onError = () => {};
    this.onNew = () => {};
    this.known = 0;
  }

  value(address) {
    return this.values.get(address);
  }

  /** First number of a value that may have two sides. */
  number(address, otherwise = 0) {
    const value = this.values.get(address);
    const one = Array.isArray(value) ? value[0] : value;
    return typeof one === "number" ? one : one === true ? 1 : one === false ? 0 : otherwise;
  }

  text(address) {
    const value = this.values.get(address);
    return value === undefined ? "" : String(value);
  }

  on(address) {
    return this.number(address) >= 0.5;
  }

  /** A value from the console. */
  heard(address, args) {
    if (args.length === 0) return;
    const value = args.length === 1 ? args[0] : args;
    const held = this.held.get(address);
    if (held) {
      held.other = true;
      return;
    }
    if (this.inFlight.has(address)) {
      this.doubtful.add(address);
      return;
    }
    this.put(address, value);
  }

  put(address, value) {
    const before = this.values.get(address);
    this.values.set(address, value);
    if (before === undefined) this.onNew(address);
    if (before !== value && this.listeners.has(address)) this.stir(address);
  }

  stir(address) {
    this.dirty.add(address);
    if (this.frame || document.hidden) return;
    this.frame = requestAnimationFrame(() => this.tell());
  }

  /** Tells listeners what changed since the last frame. */
  tell() {
    this.frame = null;
    const all = [...this.dirty];
    this.dirty.clear();
    for (const address of all) for (const listener of this.listeners.get(address) ?? []) listener(this.values.get(address));
  }

  /** Hears of changes of an address until the returned function is called. */
  listen(address, listener) {
    let set = this.listeners.get(address);
    if (!set) this.listeners.set(address, (set = new Set()));
    set.add(listener);
    return () => {
      set.delete(listener);
      if (!set.size) this.listeners.delete(address);
    };
  }

  /** The page's own change: seen at once. */
  local(address, value) {
    if (this.values.get(address) === value) return;
    this.values.set(address, value);
    if (this.listeners.has(address)) this.stir(address);
  }

  hold(address) {
    if (!this.held.has(address)) this.held.set(address, { other: false, count: 0 });
    this.held.get(address).count += 1;
  }

  isHeld(address) {
    return this.held.has(address);
  }

  /** Ends a hold; true where another moved the value meanwhile. */
  release(address) {
    const held = this.held.get(address);
    if (!held) return false;
    held.count -= 1;
    if (held.count > 0) return false;
    this.held.delete(address);
    return held.other;
  }

  /** Sets up to question `n` have arrived; returns addresses that another set in the meantime. */
  confirmed(n) {
    const doubts = [];
    for (const [address, flight] of this.inFlight) {
      if (flight.n > n) continue;
      this.inFlight.delete(address);
      if (this.doubtful.delete(address)) doubts.push(address);
    }
    return doubts;
  }

  refused(address, reason) {
    this.inFlight.delete(address);
    // A set that a role refuses shows the value that holds; from then on the control shows that it cannot be moved.
    if (/this role may not|read.only/.test(reason ?? "")) {
      this.readOnly.add(address);
      this.held.delete(address);
      if (this.listeners.has(address)) this.stir(address);
    }
    this.onError(address, reason ?? "");
  }

  forget() {
    this.values.clear();
    this.metas.clear();
    this.fetched.clear();
    this.readOnly.clear();
    this.inFlight.clear();
    this.doubtful.clear();
  }

  // What the console says about its addresses.

  /** Fetches a node with all below it, once. */
  tree(path) {
    if (!this.fetched.has(path)) {
      const fetched = fetch(encodeURI(path), JSON_ONLY).then(async (answer) => {
        if (answer.status === 404) return null;
        if (!answer.ok) throw new Error(`${path}: HTTP ${answer.status}`);
        const node = await answer.json();
        this.learn(node);
        return node;
      });
      fetched.catch(() => this.fetched.delete(path));
      this.fetched.set(path, fetched);
    }
    return this.fetched.get(path);
  }

  learn(node) {
    if (node.CONTENTS) {
      for (const child of Object.values(node.CONTENTS)) this.learn(child);
      return;
    }
    const meta = described(node);
    this.metas.set(meta.address, meta);
    if (!meta.writable) this.readOnly.add(meta.address);
    if (!this.values.has(meta.address) && node.VALUE?.length) {
      const value = node.VALUE.length === 1 ? node.VALUE[0] : node.VALUE;
      this.put(meta.address, typeof value === "boolean" ? Number(value) : value);
    }
  }

  meta(address) {
    return this.metas.get(address);
  }

  /** What is known of an address, asked for where it is not. */
  async about(address) {
    if (!this.metas.has(address)) await this.tree(address);
    return this.metas.get(address);
  }
}

function first(list) {
  return Array.isArray(list) ? list[0] : list;
}

/** A leaf of OSCQuery as the page uses it. */
function described(node) {
  const range = first(node.RANGE) ?? {};
  const type = (node.TYPE ?? "f")[0];
  const bool = type === "T" || type === "F";
  return {
    address: node.FULL_PATH,
    kind: bool ? "bool" : range.VALS ? "enum" : type === "s" ? "text" : "number",
    whole: type === "i",
    options: bool ? null : (range.VALS ?? null),
    min: range.MIN ?? 0,
    max: range.MAX ?? null,
    taper: first(node.TAPER) ?? "linear",
    unit: first(node.UNIT) ?? "",
    byDefault: first(node.DEFAULT),
    width: (node.TYPE ?? "f").length,
    writable: (node.ACCESS & 2) !== 0,
    tags: node.TAGS ?? [],
    doc: node.DESCRIPTION ?? "",
  };
}

// Tapers, by the name that the console gives: value over travel.

const LEVEL = [
  [0.5, 40, -30],
  [0.25, 80, -50],
  [0.0625, 160, -70],
  [0, 480, -90],
];

const tapers = {
  linear: {
    norm: (x, { min, max }) => (x - min) / (max - min),
    value: (n, { min, max }) => min + n * (max - min),
  },
  log: {
    norm: (x, { min, max }) => Math.log(x / min) / Math.log(max / min),
    value: (n, { min, max }) => min * Math.pow(max / min, n),
  },
  level: {
    norm: (x) => {
      if (x <= -90) return 0;
      const [, slope, offset] = LEVEL.find(([from, s, o]) => x >= from * s + o) ?? LEVEL[3];
      return (x - offset) / slope;
    },
    value: (n, { min }) => {
      if (n <= 0) return min;
      const [, slope, offset] = LEVEL.find(([from]) => n >= from);
      return slope * n + offset;
    },
  },
};

const clamp = (n) => Math.min(1, Math.max(0, n));

/** Travel, 0 … 1, of a value. */
export function toNorm(meta, value) {
  if (meta.max === null) return 0;
  return clamp((tapers[meta.taper] ?? tapers.linear).norm(Number(value), meta));
}

/** The value at a travel. */
export function fromNorm(meta, n) {
  const value = (tapers[meta.taper] ?? tapers.linear).value(clamp(n), meta);
  return meta.whole ? Math.round(value) : value;
}

const UNITS = { "gain.db": "dB", "time.hz": "Hz", "time.ms": "ms", "time.second": "s", "time.bpm": "BPM" };

/** A value as it is read: `−6.0 dB`, `1.2 kHz`, `off`. */
export function shown(meta, value) {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map((v) => shown(meta, v)).join(" · ");
  if (!meta) return typeof value === "number" ? number(value) : String(value);
  if (meta.kind === "bool") return Number(value) >= 0.5 ? "on" : "off";
  if (typeof value !== "number") return String(value);
  const unit = UNITS[meta.unit] ?? meta.unit;
  if (/^dB/.test(unit) && meta.min <= -144 && value <= -144) return meta.taper === "level" ? "off" : "−∞";
  if (unit === "Hz" && value >= 1000) return `${number(value / 1000, value >= 9995 ? 1 : 2)} kHz`;
  if (/pan$/.test(meta.address)) return panned(value);
  if (meta.whole || meta.kind === "enum") return joined(String(value), unit);
  if (/^dB|^LU/.test(unit)) return joined(number(value, 1), unit);
  return joined(number(value), unit);
}

const joined = (text, unit) => (unit ? `${text} ${unit}` : text);

function panned(value) {
  const percent = Math.round(Math.abs(value) * 100);
  if (percent === 0) return "C";
  return value < 0 ? `L${percent}` : `R${percent}`;
}

function number(x, digits) {
  const size = Math.abs(x);
  const places = digits ?? (size >= 100 ? 0 : size >= 10 ? 1 : 2);
  const text = (x === 0 ? 0 : x).toFixed(places);
  return text.replace(/^-(0(\.0+)?)$/, "$1").replace("-", "−");
}
