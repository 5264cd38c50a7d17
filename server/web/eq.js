// An equaliser to look at and to drag: the curve over the live spectrum.

import { h } from "./dom.js";
import { put, knob, choice, toggle } from "./controls.js";
import { bandDb, butterworthDb } from "./response.js";
import { fromNorm, shown, toNorm } from "./store.js";

const LOW = 20;
const HIGH = 20000;
const POINTS = 240;
const NEAR = 46;
const CLOSE = 15;
const THIRDS = [1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8];
const BANDS = ["#ff8a80", "#ffd180", "#f4ff81", "#80ffb0", "#80d8ff", "#b3a0ff", "#ff9cf0", "#d7ccc8"];

const place = (f) => Math.log(f / LOW) / Math.log(HIGH / LOW);
const frequency = (x) => LOW * Math.pow(HIGH / LOW, x);

/**
 * The equaliser whose bands are the numbered containers of `node`; `filters` are high- and low-pass of the same strip,
 * `spectrum` an address of levels in sixths of an octave from 20 Hz, where the strip has one.
 */
export function equaliser(app, scope, { node, filters = [], spectrum = null, label = "EQ" }) {
  const { store } = app;
  const base = node.FULL_PATH;
  const bands = Object.entries(node.CONTENTS)
    .filter(([name, child]) => /^\d+$/.test(name) && child.CONTENTS?.freq && child.CONTENTS?.gain)
    .map(([name, child]) => ({ name, path: child.FULL_PATH, params: Object.keys(child.CONTENTS) }))
    .sort((a, b) => a.name - b.name);
  if (!bands.length) return null;
  const gainMeta = store.meta(`${bands[0].path}/gain`);
  /** Gain at the edge of the plot: close enough to see small moves, wider where a band needs it. */
  let reach = CLOSE;
  const onOf = (path) => store.value(`${path}/on`) === undefined || store.on(`${path}/on`);

  const back = h("canvas.back", { "aria-hidden": "true" });
  const front = h("canvas.front", { "aria-hidden": "true" });
  const plot = h("div.plot", null, back, front);
  const nodes = [];
  const drags = new Map();
  let chosen = 0;

  for (const [k, band] of bands.entries()) {
    const handle = h("div.node", { role: "slider", tabindex: 0, "aria-label": `${label} band ${band.name}`, style: { "--b": BANDS[k % BANDS.length] } }, band.name);
    nodes.push({ handle, band, freq: `${band.path}/freq`, gain: `${band.path}/gain`, q: `${band.path}/q`, flat: () => /cut|notch|bandpass/.test(store.text(`${band.path}/type`)) });
    plot.append(handle);
  }
  for (const filter of filters) {
    const handle = h("div.node.filter", { role: "slider", tabindex: 0, "aria-label": `${filter.name} frequency` }, filter.high ? "H" : "L");
    nodes.push({ handle, filter, freq: `${filter.path}/freq`, flat: () => true, hidden: () => !store.on(`${filter.path}/on`) });
    plot.append(handle);
  }

  let width = 0;
  let tall = 0;
  let stale = true;
  const observer = new ResizeObserver(([entry]) => {
    width = Math.round(entry.contentRect.width);
    tall = Math.round(entry.contentRect.height);
    const ratio = Math.min(2, devicePixelRatio || 1);
    for (const canvas of [back, front]) {
      canvas.width = width * ratio;
      canvas.height = tall * ratio;
      canvas.getContext("2d").scale(ratio, ratio);
    }
    stale = true;
  });
  observer.observe(plot);
  scope.add(() => observer.disconnect());

  const y = (db) => (0.5 - db / (2 * reach)) * tall;
  const settle = () => (stale = true);
  const follow = ["freq", "gain", "q", "type", "on"];
  for (const band of bands) for (const p of follow) scope.add(store.listen(`${band.path}/${p}`, settle));
  for (const filter of filters) for (const p of ["freq", "slope", "on"]) scope.add(store.listen(`${filter.path}/${p}`, settle));
  scope.add(store.listen(`${base}/on`, settle));

  function drawCurve() {
    if (drags.size === 0) reach = nodes.some((n) => n.gain && !n.flat() && Math.abs(store.number(n.gain)) > CLOSE) ? gainMeta.max : Math.min(CLOSE, gainMeta.max);
    const c = back.getContext("2d");
    c.clearRect(0, 0, width, tall);
    c.font = "11px system-ui, sans-serif";
    c.lineWidth = 1;
    for (const f of [30, 50, 100, 200, 500, 1000, 2000, 5000, 10000]) {
      const at = Math.round(place(f) * width) + 0.5;
      c.strokeStyle = [100, 1000, 10000].includes(f) ? "#343d49" : "#222932";
      line(c, at, 0, at, tall);
      c.fillStyle = "#8d98a7";
      c.fillText(f >= 1000 ? `${f / 1000}k` : f, at + 3, tall - 4);
    }
    for (let db = -Math.floor((reach - 1) / 6) * 6; db < reach; db += 6) {
      const at = Math.round(y(db)) + 0.5;
      c.strokeStyle = db === 0 ? "#5b6674" : "#222932";
      line(c, 0, at, width, at);
      if (db % 12 === 0 || reach < 20) {
        c.fillStyle = "#8d98a7";
        c.fillText(db > 0 ? `+${db}` : `${db}`.replace("-", "−"), 3, at - 3);
      }
    }
    const sum = new Float64Array(POINTS + 1);
    const isOn = onOf(base);
    for (const [k, band] of bands.entries()) {
      if (!onOf(band.path)) continue;
      const [type, f0, gain, q] = [store.text(`${band.path}/type`), store.number(`${band.path}/freq`, 1000), store.number(`${band.path}/gain`), store.number(`${band.path}/q`, 0.7)];
      if (gain === 0 && !/cut|notch|bandpass/.test(type)) continue;
      c.beginPath();
      for (let i = 0; i <= POINTS; i += 1) {
        const db = bandDb(type, f0, gain, q, frequency(i / POINTS));
        sum[i] += isOn ? db : 0;
        c.lineTo((i / POINTS) * width, y(Math.max(-reach * 1.2, db)));
      }
      c.lineTo(width, y(0));
      c.lineTo(0, y(0));
      c.fillStyle = `${BANDS[k % BANDS.length]}${k === chosen ? "30" : "16"}`;
      c.fill();
    }
    for (const filter of filters) {
      if (!store.on(`${filter.path}/on`)) continue;
      const [f0, slope] = [store.number(`${filter.path}/freq`, 20), store.number(`${filter.path}/slope`, 12)];
      for (let i = 0; i <= POINTS; i += 1) sum[i] += butterworthDb(filter.high, f0, slope, frequency(i / POINTS));
    }
    c.beginPath();
    for (let i = 0; i <= POINTS; i += 1) c.lineTo((i / POINTS) * width, y(Math.max(-reach * 2, sum[i])));
    c.strokeStyle = isOn || filters.length ? "#f4f7fa" : "#77828f";
    c.lineWidth = 2.2;
    c.stroke();
    for (const { handle, freq, gain, flat, hidden, filter, band } of nodes) {
      handle.hidden = hidden?.() ?? false;
      const [f, g] = [store.number(freq, 1000), flat() ? 0 : store.number(gain)];
      handle.style.transform = `translate(${(place(f) * width).toFixed(1)}px, ${y(g).toFixed(1)}px)`;
      handle.classList.toggle("off", band ? !onOf(band.path) || !isOn : false);
      handle.setAttribute("aria-valuemin", 20);
      handle.setAttribute("aria-valuemax", 20000);
      handle.setAttribute("aria-valuenow", Math.round(f));
      const told = [shown(store.meta(freq), f)];
      if (!filter && !flat()) told.push(shown(store.meta(gain), g));
      handle.setAttribute("aria-valuetext", told.join(", "));
    }
  }

  let drawnSpectrum = null;
  function drawSpectrum() {
    const levels = app.link.up ? store.value(spectrum) : null;
    if (levels === drawnSpectrum) return;
    drawnSpectrum = levels;
    const c = front.getContext("2d");
    c.clearRect(0, 0, width, tall);
    if (!Array.isArray(levels)) return;
    c.beginPath();
    c.moveTo(0, tall);
    for (const [k, db] of levels.entries()) c.lineTo(((k + 0.5) / levels.length) * width, tall * (1 - Math.min(1, Math.max(0, (db + 84) / 84))));
    c.lineTo(width, tall);
    c.closePath();
    c.fillStyle = "#5cc3ff2e";
    c.fill();
    c.strokeStyle = "#5cc3ff8c";
    c.lineWidth = 1.2;
    c.stroke();
  }
  scope.add(app.everyFrame(() => {
    if (!width) return;
    if (stale) {
      stale = false;
      drawCurve();
    }
    if (spectrum) drawSpectrum();
  }));

  // Dragging: the node that is nearest, each pointer one of its own; a second pointer on the plot changes Q.
  let wider = null;
  plot.style.touchAction = "none";
  plot.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    const box = plot.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    for (const node of nodes) {
      if (node.handle.hidden || [...drags.values()].some((d) => d.node === node) || store.readOnly.has(node.freq)) continue;
      const dx = place(store.number(node.freq, 1000)) * width - px;
      const dy = y(node.flat() ? 0 : store.number(node.gain)) - py;
      const away = Math.hypot(dx, dy);
      if (!best || away < best.away) best = { node, away, dx, dy };
    }
    const only = drags.size === 1 ? [...drags.values()][0] : null;
    if (only?.node.q && (!best || best.away > NEAR)) {
      wider = { id: event.pointerId, x: event.clientX, drag: only, q: toNorm(store.meta(only.node.q), store.number(only.node.q)) };
      plot.setPointerCapture(event.pointerId);
      return;
    }
    if (!best || best.away > NEAR) return;
    event.preventDefault();
    plot.setPointerCapture(event.pointerId);
    const { node } = best;
    node.handle.focus({ preventScroll: true });
    if (node.band) choose(bands.indexOf(node.band));
    const time = performance.now();
    if (node.tapped && time - node.tapped < 320 && !node.flat()) {
      node.tapped = 0;
      put(app, node.gain, 0);
      return;
    }
    node.tapped = time;
    for (const address of [node.freq, node.gain, node.q]) if (address) store.hold(address);
    drags.set(event.pointerId, { node, x: px + best.dx, y: py + best.dy, px: event.clientX, py: event.clientY, moved: false });
    node.handle.classList.add("held");
  });
  plot.addEventListener("pointermove", (event) => {
    if (wider?.id === event.pointerId) {
      const { q } = wider.drag.node;
      put(app, q, fromNorm(store.meta(q), wider.q - (event.clientX - wider.x) / 300));
      return;
    }
    const drag = drags.get(event.pointerId);
    if (!drag) return;
    const fine = event.shiftKey || event.ctrlKey ? 0.15 : 1;
    const [dx, dy] = [event.clientX - drag.px, event.clientY - drag.py];
    if (!drag.moved && Math.hypot(dx, dy) < 3) return;
    drag.moved = true;
    drag.node.tapped = 0;
    [drag.px, drag.py] = [event.clientX, event.clientY];
    drag.x = Math.min(width, Math.max(0, drag.x + dx * fine));
    drag.y = Math.min(tall, Math.max(0, drag.y + dy * fine));
    const { min, max } = store.meta(drag.node.freq);
    put(app, drag.node.freq, Math.min(max, Math.max(min, frequency(drag.x / width))));
    if (!drag.node.flat()) {
      const gain = store.meta(drag.node.gain);
      put(app, drag.node.gain, Math.min(gain.max, Math.max(gain.min, (0.5 - drag.y / tall) * 2 * reach)));
    }
  });
  const up = (event) => {
    if (wider?.id === event.pointerId) wider = null;
    const drag = drags.get(event.pointerId);
    if (!drag) return;
    drags.delete(event.pointerId);
    stale = true;
    drag.node.handle.classList.remove("held");
    for (const address of [drag.node.freq, drag.node.gain, drag.node.q]) {
      if (!address) continue;
      if (store.release(address)) app.link.set(address, store.value(address));
      app.link.released(address);
    }
  };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) plot.addEventListener(name, up);
  plot.addEventListener("wheel", (event) => {
    const node = nodes.find((n) => n.handle === document.activeElement) ?? nodes[chosen];
    if (!node?.q || store.value(node.q) === undefined || store.readOnly.has(node.q)) return;
    event.preventDefault();
    const meta = store.meta(node.q);
    put(app, node.q, fromNorm(meta, toNorm(meta, store.number(node.q)) - Math.sign(event.deltaY) * 0.02));
  }, { passive: false });
  for (const node of nodes) {
    node.handle.addEventListener("focus", () => node.band && choose(bands.indexOf(node.band)));
    node.handle.addEventListener("keydown", (event) => {
      const small = event.shiftKey ? 0.2 : 1;
      const along = (address, by) => {
        if (!address || store.readOnly.has(address)) return;
        const meta = store.meta(address);
        put(app, address, fromNorm(meta, toNorm(meta, store.number(address)) + by * small));
      };
      const gain = node.flat() ? null : node.gain;
      if (event.key === "ArrowRight") along(node.freq, 0.01);
      else if (event.key === "ArrowLeft") along(node.freq, -0.01);
      else if (event.key === "ArrowUp") along(gain, 0.5 / 48);
      else if (event.key === "ArrowDown") along(gain, -0.5 / 48);
      else if (event.key === "PageUp") along(gain, 3 / 48);
      else if (event.key === "PageDown") along(gain, -3 / 48);
      else if (event.key === "+" || event.key === "=") along(node.q, 0.03);
      else if (event.key === "-") along(node.q, -0.03);
      else if (event.key === "Delete" && gain) put(app, gain, 0);
      else return;
      event.preventDefault();
    });
  }

  // The chosen band's own controls below.
  const tabs = h("div.bands", { role: "group", "aria-label": `${label} bands` });
  const details = h("div.knobs");
  let part = scope.inner();
  for (const [k, band] of bands.entries()) tabs.append(h("button", { onclick: () => choose(k), style: { "--b": BANDS[k % BANDS.length] } }, band.name));
  function choose(k) {
    if (k === chosen && details.childElementCount) return;
    chosen = k;
    stale = true;
    for (const [i, button] of [...tabs.children].entries()) button.setAttribute("aria-pressed", i === k);
    for (const [i, node] of nodes.entries()) node.handle.classList.toggle("chosen", i === k);
    part.end();
    part = scope.inner();
    const band = bands[k];
    const order = ["on", "type", "freq", "gain", "q"];
    const params = [...order.filter((p) => band.params.includes(p)), ...band.params.filter((p) => !order.includes(p))];
    details.replaceChildren(...params.map((p) => {
      const address = `${band.path}/${p}`;
      const meta = store.meta(address);
      if (meta.kind === "bool") return toggle(app, part, { address, label: `Band ${band.name}`, title: meta.doc });
      if (meta.kind === "enum") return choice(app, part, { address, label: p[0].toUpperCase() + p.slice(1), options: meta.options });
      return knob(app, part, { address, label: p[0].toUpperCase() + p.slice(1) });
    }));
  }
  choose(0);
  return h("div.eq", null, plot, h("div.row", null, tabs, details));
}

function line(c, x0, y0, x1, y1) {
  c.beginPath();
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
  c.stroke();
}

/** A graphic equaliser: one short fader a band. */
export function graphic(app, scope, node, faderOf) {
  const bands = Object.entries(node.CONTENTS).filter(([name, child]) => /^\d+$/.test(name) && child.CONTENTS?.gain && !child.CONTENTS?.freq);
  if (bands.length < 8) return null;
  bands.sort((a, b) => a[0] - b[0]);
  // Thirds of an octave from 20 Hz by their ISO 266 names, where there are 31; else numbers.
  const called = (k) => {
    if (bands.length !== 31) return bands[k][0];
    const f = THIRDS[(k + 13) % 10] * Math.pow(10, Math.floor((k + 13) / 10));
    return f >= 1000 ? `${f / 1000}k` : String(f);
  };
  return h("div.graphic", null, bands.map(([, child], k) => h("div.column", null, faderOf(`${child.FULL_PATH}/gain`, `${called(k)} gain`), h("span.name", null, called(k)))));
}
