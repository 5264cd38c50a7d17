// OSC packets: what is sent and what arrives, in binary frames.

const utf8 = new TextEncoder();
const text = new TextDecoder();

const padded = (n) => (n + 4) & ~3;

/** An integer that is sent as `i`; plain numbers go as `f`. */
export class Int {
  constructor(n) {
    this.n = n;
  }
}

function encodeInto(parts, address, args) {
  let tags = ",";
  const bodies = [];
  for (const arg of args) {
    if (typeof arg === "string") {
      tags += "s";
      bodies.push(string(arg));
    } else if (typeof arg === "boolean") {
      tags += arg ? "T" : "F";
    } else {
      const body = new Uint8Array(4);
      const view = new DataView(body.buffer);
      if (arg instanceof Int) {
        tags += "i";
        view.setInt32(0, arg.n);
      } else {
        tags += "f";
        view.setFloat32(0, arg);
      }
      bodies.push(body);
    }
  }
  parts.push(string(address), string(tags), ...bodies);
}

function string(s) {
  const bytes = utf8.encode(s);
  const out = new Uint8Array(padded(bytes.length));
  out.set(bytes);
  return out;
}

function joined(parts) {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** One packet of some `[address, ...args]`: a message alone, a bundle of several. */
export function encode(messages) {
  const each = messages.map(([address, ...args]) => {
    const parts = [];
    encodeInto(parts, address, args);
    return joined(parts);
  });
  if (each.length === 1) return each[0];
  const parts = [string("#bundle"), new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1])];
  for (const message of each) {
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, message.length);
    parts.push(size, message);
  }
  return joined(parts);
}

/** Calls `heard(address, args)` for each message of a packet. What is malformed ends it. */
export function decode(buffer, heard) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  element(bytes, view, 0, bytes.length, heard, 0);
}

function element(bytes, view, at, end, heard, depth) {
  if (bytes[at] !== 0x23) return message(bytes, view, at, end, heard);
  if (depth > 8) return;
  at += 16;
  while (at + 4 <= end) {
    const size = view.getUint32(at);
    at += 4;
    if (size === 0 || at + size > end) return;
    element(bytes, view, at, at + size, heard, depth + 1);
    at += size;
  }
}

// Addresses come again and again: looked up by their bytes they need not be decoded each time.
const known = new Map();

function stringAt(bytes, at, end) {
  let stop = at;
  let hash = 0x811c9dc5;
  while (stop < end && bytes[stop] !== 0) {
    hash = Math.imul(hash ^ bytes[stop], 0x01000193);
    stop += 1;
  }
  const key = hash * 256 + ((stop - at) & 255);
  const found = known.get(key);
  if (found !== undefined && same(found.bytes, bytes, at, stop)) return found;
  const slice = bytes.slice(at, stop);
  const made = { bytes: slice, text: text.decode(slice), next: padded(stop - at) };
  if (known.size > 60000) known.clear();
  known.set(key, made);
  return made;
}

function same(one, bytes, at, stop) {
  if (one.length !== stop - at) return false;
  for (let k = 0; k < one.length; k += 1) if (one[k] !== bytes[at + k]) return false;
  return true;
}

function message(bytes, view, at, end, heard) {
  const address = stringAt(bytes, at, end);
  at += address.next;
  if (at >= end) return heard(address.text, []);
  const tags = stringAt(bytes, at, end);
  at += tags.next;
  const args = [];
  for (let k = 1; k < tags.text.length; k += 1) {
    const tag = tags.text[k];
    const size = "hdt".includes(tag) ? 8 : "TFNI[]".includes(tag) ? 0 : 4;
    if (at + size > end) return;
    if (tag === "f") args.push(view.getFloat32(at));
    else if (tag === "i") args.push(view.getInt32(at));
    else if (tag === "d") args.push(view.getFloat64(at));
    else if (tag === "h" || tag === "t") args.push(Number(view.getBigInt64(at)));
    else if (tag === "T" || tag === "F") args.push(tag === "T");
    else if (tag === "s" || tag === "S") {
      let stop = at;
      while (stop < end && bytes[stop] !== 0) stop += 1;
      args.push(text.decode(bytes.subarray(at, stop)));
      at += padded(stop - at);
      continue;
    } else if (tag === "b") {
      at += 4 + ((view.getUint32(at) + 3) & ~3);
      continue;
    }
    at += size;
  }
  heard(address.text, args);
}
