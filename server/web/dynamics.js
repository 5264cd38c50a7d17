// The curve of a dynamics processor, with a dot where the signal is.

import { h } from "./dom.js";
import { put } from "./controls.js";
import { transfer } from "./response.js";

const FLOOR = -80;
const TOP = 6;

/** `path` is the processor's, `level` the meter of what it hears, `reduction` the meter of its gain change. */
export function curve(app, scope, { path, params, level, reduction, label }) {
  const { store } = app;
  const values = () => Object.fromEntries(params.map((p) => [p, store.value(`${path}/${p}`)]));
  if (!transfer(values())) return null;
  const back = h("canvas.back", { "aria-hidden": "true" });
  const front = h("canvas.front", { "aria-hidden": "true" });
  const handleOf = params.includes("threshold") ? "threshold" : "ceiling";
  const address = `${path}/${handleOf}`;
  const plot = h("div.plot.square", { title: `Drag for ${handleOf}`, "aria-label": `${label} curve` }, back, front);
  let size = 0;
  let stale = true;
  const observer = new ResizeObserver(([entry]) => {
    size = Math.round(Math.min(entry.contentRect.width, entry.contentRect.height));
    const ratio = Math.min(2, devicePixelRatio || 1);
    for (const canvas of [back, front]) {
      canvas.width = canvas.height = size * ratio;
      canvas.getContext("2d").scale(ratio, ratio);
    }
    stale = true;
  });
  observer.observe(plot);
  scope.add(() => observer.disconnect());
  for (const p of params) scope.add(store.listen(`${path}/${p}`, () => (stale = true)));
  const x = (db) => ((db - FLOOR) / (TOP - FLOOR)) * size;
  const y = (db) => size - x(db);

  const draw = () => {
    const c = back.getContext("2d");
    const map = transfer(values());
    const isOn = store.on(`${path}/on`);
    c.clearRect(0, 0, size, size);
    c.lineWidth = 1;
    for (let db = -60; db <= 0; db += 20) {
      c.strokeStyle = db === 0 ? "#46505d" : "#252c35";
      for (const [x0, y0, x1, y1] of [[x(db), 0, x(db), size], [0, y(db), size, y(db)]]) {
        c.beginPath();
        c.moveTo(x0, y0);
        c.lineTo(x1, y1);
        c.stroke();
      }
      c.fillStyle = "#8d98a7";
      c.font = "10px system-ui, sans-serif";
      c.fillText(`${db}`.replace("-", "−"), 3, y(db) - 2);
    }
    c.strokeStyle = "#46505d";
    c.setLineDash([3, 4]);
    c.beginPath();
    c.moveTo(x(FLOOR), y(FLOOR));
    c.lineTo(x(TOP), y(TOP));
    c.stroke();
    const at = x(store.number(address));
    c.strokeStyle = "#ffb02099";
    c.beginPath();
    c.moveTo(at, 0);
    c.lineTo(at, size);
    c.stroke();
    c.setLineDash([]);
    c.beginPath();
    for (let k = 0; k <= 120; k += 1) {
      const db = FLOOR + ((TOP - FLOOR) * k) / 120;
      c.lineTo(x(db), y(Math.max(FLOOR - 20, map(db))));
    }
    c.strokeStyle = isOn ? "#f4f7fa" : "#77828f";
    c.lineWidth = 2.2;
    c.stroke();
  };

  let heard = -144;
  let changed = 0;
  let seen = "";
  const dot = (elapsed) => {
    const value = app.link.up ? store.value(level) : -144;
    const now = Array.isArray(value) ? Math.max(...value) : (value ?? -144);
    const gain = app.link.up && reduction ? store.value(reduction) : 0;
    const gr = Array.isArray(gain) ? Math.min(...gain) : (gain ?? 0);
    heard = Math.max(now, heard - 60 * elapsed);
    changed += (gr - changed) * (gr < changed ? 1 : Math.min(1, elapsed * 12));
    const look = `${heard.toFixed(1)} ${changed.toFixed(1)}`;
    if (look === seen) return;
    seen = look;
    const c = front.getContext("2d");
    c.clearRect(0, 0, size, size);
    if (changed < -0.05) {
      c.fillStyle = "#ffb020";
      c.fillRect(size - 7, 0, 7, Math.min(size, (-changed / 30) * size));
      c.font = "600 12px system-ui, sans-serif";
      c.textAlign = "right";
      c.fillText(`${changed.toFixed(1)}`.replace("-", "−"), size - 11, 14);
      c.textAlign = "left";
    }
    if (heard <= FLOOR) return;
    const make = store.number(`${path}/makeup`, 0) + (handleOf === "ceiling" ? store.number(`${path}/gain`, 0) : 0);
    c.fillStyle = "#5cc3ff";
    c.beginPath();
    c.arc(x(Math.min(TOP, heard)), y(Math.min(TOP, Math.max(FLOOR, heard + changed + (store.on(`${path}/on`) ? make : 0)))), 5, 0, 7);
    c.fill();
  };
  let before = 0;
  scope.add(app.everyFrame((now) => {
    if (!size) return;
    if (stale) {
      stale = false;
      draw();
    }
    dot(Math.min(0.2, (now - before) / 1000));
    before = now;
  }));

  let drag = null;
  plot.style.touchAction = "none";
  plot.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || store.readOnly.has(address)) return;
    plot.setPointerCapture(event.pointerId);
    store.hold(address);
    drag = { id: event.pointerId, x: event.clientX, value: store.number(address) };
  });
  plot.addEventListener("pointermove", (event) => {
    if (drag?.id !== event.pointerId || event.clientX === drag.x) return;
    const meta = store.meta(address);
    drag.value += ((event.clientX - drag.x) / size) * (TOP - FLOOR) * (event.shiftKey ? 0.15 : 1);
    drag.x = event.clientX;
    put(app, address, Math.min(meta.max, Math.max(meta.min, drag.value)));
  });
  const up = (event) => {
    if (drag?.id !== event.pointerId) return;
    drag = null;
    if (store.release(address)) app.link.set(address, store.value(address));
    app.link.released(address);
  };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) plot.addEventListener(name, up);
  return plot;
}
