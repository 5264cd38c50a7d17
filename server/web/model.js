// What the console has: its strips, their chains and sends, as the addresses show that it tells.

const ORDER = ["ch", "bus", "matrix", "dca", "mutegroup", "main", "monitor", "talkback", "oscillator"];
const SINGLE = new Set(["main", "monitor", "talkback", "oscillator"]);
const LABELS = { ch: "Ch", bus: "Bus", matrix: "Matrix", dca: "DCA", mutegroup: "Mute group", main: "Main", monitor: "Monitor", talkback: "Talkback", oscillator: "Oscillator" };

/** What the page subscribes to for all strips: enough for mixing, not the insides of processors. */
const PARTS = ["name", "color", "fader", "mute", "solo", "pan"];
const EACH = `{${PARTS}}`;
export const OVERVIEW = [
  `/*/*/${EACH}`,
  `/*/${EACH}`,
  "/*/*/*/on",
  "/*/*/on",
  "/*/on",
  "/*/*/send/*/{level,on,pan}",
  "/*/send/*/{level,on,pan}",
  "/*/*/dca/*",
  "/*/*/mutegroup/*",
];

export class Model {
  constructor(store) {
    this.store = store;
    this.build();
  }

  /** Reads the strips off the addresses that are known. */
  build() {
    const strips = new Map();
    for (const address of this.store.values.keys()) {
      const parts = address.split("/");
      const kind = parts[1];
      if (!ORDER.includes(kind)) continue;
      const single = SINGLE.has(kind);
      const number = single ? 0 : Number(parts[2]);
      if (Number.isNaN(number)) continue;
      const base = single ? `/${kind}` : `/${kind}/${number}`;
      let strip = strips.get(base);
      if (!strip) {
        strip = { base, kind, number, chain: [], sends: [], has: new Set() };
        strips.set(base, strip);
      }
      const rest = parts.slice(single ? 2 : 3);
      if (rest.length === 1 && PARTS.includes(rest[0])) strip.has.add(rest[0]);
      else if (rest.length === 2 && rest[1] === "on") strip.chain.push(rest[0]);
      else if (rest[0] === "send" && rest[2] === "level") strip.sends.push(rest[1]);
      else if (rest.length === 2 && (rest[0] === "dca" || rest[0] === "mutegroup")) strip.has.add(`${rest[0]}/${rest[1]}`);
    }
    this.strips = [...strips.values()].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || a.number - b.number);
    for (const strip of this.strips) {
      strip.chain = [...new Set(strip.chain)];
      strip.sends = [...new Set(strip.sends)].sort((a, b) => (a[0] === "m") - (b[0] === "m") || parseInt(a.replace("m", ""), 10) - parseInt(b.replace("m", ""), 10));
    }
    this.byBase = strips;
  }

  /** A text that is another where the console has other strips, processors or sends. */
  shape() {
    return this.strips.map((s) => `${s.base} ${s.chain} ${s.sends} ${[...s.has].sort()}`).join("\n");
  }

  strip(base) {
    return this.byBase.get(base);
  }

  of(...kinds) {
    return this.strips.filter((s) => kinds.includes(s.kind));
  }

  /** The strip that a send goes to: `/bus/1` for `1`, `/matrix/1` for `m1`. */
  destination(send) {
    return send.startsWith("m") ? `/matrix/${send.slice(1)}` : `/bus/${send}`;
  }

  /** The name of a send to a strip: `m1` for `/matrix/1`. */
  sendName(base) {
    const [, kind, number] = base.split("/");
    return kind === "matrix" ? `m${number}` : number;
  }

  /** Buses and matrices that anything is sent to. */
  destinations() {
    const names = new Set(this.strips.flatMap((s) => s.sends));
    return this.of("bus", "matrix").filter((s) => names.has(this.sendName(s.base)));
  }

  name(base) {
    const strip = this.byBase.get(base);
    return this.store.text(`${base}/name`) || (strip ? kindName(strip) : base);
  }

  /** Addresses of the gain changes of a strip's processors. */
  reductions(strip) {
    return strip.chain.map((p) => `${strip.base}/meter/${p}`);
  }
}

/** `Ch 3`, `Main`. */
export function kindName({ kind, number }) {
  return number ? `${LABELS[kind] ?? kind} ${number}` : (LABELS[kind] ?? kind);
}

/** A pattern for the same part of many strips: `/ch/{1,2}/meter/out`. */
export function patterns(strips, rest) {
  const numbers = new Map();
  const found = [];
  for (const strip of strips) {
    if (!strip.number) found.push(`${strip.base}/${rest}`);
    else numbers.set(strip.kind, [...(numbers.get(strip.kind) ?? []), strip.number]);
  }
  for (const [kind, list] of numbers) found.push(`/${kind}/${list.length > 1 ? `{${list.join(",")}}` : list[0]}/${rest}`);
  return found;
}
