// Level meters: all of a view on one canvas, painted once a frame. Places are measured when the layout changes,
// never in the loop.

const FALL_DB_S = 24;
const HOLD_MS = 1400;
const FLOOR = -60;
const POINTS = [
  [-60, 0],
  [-40, 0.16],
  [-20, 0.46],
  [-10, 0.68],
  [0, 1],
];

/** Height, 0 … 1, of a level in dBFS. */
export function height(db) {
  if (!(db > FLOOR)) return 0;
  if (db >= 0) return 1;
  for (let k = 1; k < POINTS.length; k += 1) {
    const [to, high] = POINTS[k];
    const [from, low] = POINTS[k - 1];
    if (db <= to) return low + ((db - from) / (to - from)) * (high - low);
  }
  return 1;
}

/** Depth, 0 … 1, of a gain reduction in dB. */
const depth = (db) => Math.min(1, Math.max(0, -db / 24));

/** Meters of one view. `places` are elements; what they show is drawn over them. */
export class Meters {
  constructor(app, scope, host) {
    this.app = app;
    this.host = host;
    this.cells = [];
    this.canvas = document.createElement("canvas");
    this.canvas.className = "meters";
    this.canvas.setAttribute("aria-hidden", "true");
    host.append(this.canvas);
    this.paint = this.canvas.getContext("2d");
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    const observer = new ResizeObserver(() => (this.stale = true));
    observer.observe(host);
    scope.add(() => observer.disconnect());
    scope.add(app.everyFrame((now) => this.draw(now)));
  }

  /** Shows a level at a place: `level` is an address, `reductions` are addresses of gain changes. */
  add(place, level, reductions = [], options = {}) {
    const cell = { place, level, reductions, ...options, at: [-200, -200], peak: [-200, -200], since: [0, 0], clip: 0, gr: 0, drawn: "" };
    this.cells.push(cell);
    this.stale = true;
    return cell;
  }

  clear() {
    this.cells = [];
    this.stale = true;
  }

  /** Finds the places; called in a frame of its own, before drawing. */
  measure() {
    this.stale = false;
    const ratio = Math.min(2, devicePixelRatio || 1);
    const box = this.host.getBoundingClientRect();
    const width = Math.round(box.width * ratio);
    const tall = Math.round(box.height * ratio);
    if (this.canvas.width !== width || this.canvas.height !== tall) {
      this.canvas.width = width;
      this.canvas.height = tall;
    }
    const gradients = new Map();
    for (const cell of this.cells) {
      const place = cell.place.getBoundingClientRect();
      cell.x = Math.round((place.left - box.left) * ratio);
      cell.y = Math.round((place.top - box.top) * ratio);
      cell.w = Math.round(place.width * ratio);
      cell.h = Math.round(place.height * ratio);
      const key = `${cell.y} ${cell.h}`;
      if (!gradients.has(key)) gradients.set(key, this.gradient(cell.y, cell.h));
      cell.gradient = gradients.get(key);
      cell.drawn = "";
    }
    this.ratio = ratio;
    this.paint.clearRect(0, 0, width, tall);
  }

  gradient(y, h) {
    const gradient = this.paint.createLinearGradient(0, y + h, 0, y);
    for (const [at, colour] of [
      [0, "#1f9d72"],
      [height(-18), "#2fd08a"],
      [height(-17.9), "#7fd84f"],
      [height(-9), "#f2c744"],
      [height(-3), "#ff8b3d"],
      [height(-2.9), "#ff5247"],
      [1, "#ff5247"],
    ])
      gradient.addColorStop(at, colour);
    return gradient;
  }

  draw(now) {
    if (this.still.matches && now - (this.before ?? 0) < 120) return;
    if (this.stale) this.measure();
    const elapsed = Math.min(0.2, (now - (this.before ?? now)) / 1000);
    this.before = now;
    const { store, link } = this.app;
    for (const cell of this.cells) {
      if (cell.h <= 0) continue;
      const value = link.up ? store.value(cell.level) : undefined;
      const sides = Array.isArray(value) ? Math.min(2, value.length) : 1;
      for (let side = 0; side < sides; side += 1) {
        const level = sides > 1 ? value[side] : (value ?? -144);
        cell.at[side] = Math.max(level, cell.at[side] - FALL_DB_S * elapsed);
        if (level >= cell.peak[side]) {
          cell.peak[side] = level;
          cell.since[side] = now;
        } else if (now - cell.since[side] > HOLD_MS) cell.peak[side] = Math.max(level, cell.peak[side] - FALL_DB_S * elapsed);
        if (level >= -0.1) cell.clip = now;
      }
      let reduction = 0;
      for (const address of cell.reductions) {
        const db = link.up ? store.value(address) : 0;
        if (Array.isArray(db)) reduction += Math.min(...db);
        else if (db < 0) reduction += db;
      }
      cell.gr += (reduction - cell.gr) * (reduction < cell.gr ? 1 : Math.min(1, elapsed * 9));
      this.one(cell, sides, now);
    }
  }

  one(cell, sides, now) {
    const { paint, ratio } = this;
    const { x, y, w, h } = cell;
    const narrow = cell.bridge;
    const gap = narrow ? 0 : Math.round(ratio);
    const grW = cell.reductions.length && !narrow ? Math.max(3, Math.round(4 * ratio)) : 0;
    const lamp = narrow ? 0 : Math.round(5 * ratio);
    const top = y + lamp + (lamp ? gap : 0);
    const tall = h - (top - y);
    const each = Math.floor((w - grW - (grW ? gap * 2 : 0) - gap * (sides - 1)) / sides);
    const heights = [];
    const peaks = [];
    for (let side = 0; side < sides; side += 1) {
      heights.push(Math.round(height(cell.at[side]) * tall));
      peaks.push(Math.round(height(cell.peak[side]) * tall));
    }
    const fall = Math.round(depth(cell.gr) * tall);
    const clipped = now - cell.clip < 2500 && cell.clip > 0;
    // What looks the same need not be painted again.
    const look = `${heights} ${peaks} ${fall} ${clipped}`;
    if (look === cell.drawn) return;
    cell.drawn = look;
    paint.clearRect(x, y, w, h);
    for (let side = 0; side < sides; side += 1) {
      const left = x + side * (each + gap);
      if (lamp) {
        paint.fillStyle = clipped ? "#ff5247" : "#2a1d1f";
        paint.fillRect(left, y, each, lamp);
      }
      paint.fillStyle = "#0a0c0f";
      paint.fillRect(left, top, each, tall);
      paint.fillStyle = cell.gradient;
      paint.fillRect(left, y + h - heights[side], each, heights[side]);
      if (peaks[side] > 1 && !narrow) {
        paint.fillStyle = peaks[side] >= height(-3) * tall ? "#ff8b80" : "#eef3f8";
        paint.fillRect(left, y + h - peaks[side], each, Math.max(1, Math.round(1.5 * ratio)));
      }
    }
    if (narrow && clipped) {
      paint.fillStyle = "#ff5247";
      paint.fillRect(x, y, w, Math.max(2, Math.round(3 * ratio)));
    }
    if (grW) {
      const left = x + w - grW;
      paint.fillStyle = "#0a0c0f";
      paint.fillRect(left, top, grW, tall);
      paint.fillStyle = "#ffb020";
      paint.fillRect(left, top, grW, fall);
    }
  }
}
