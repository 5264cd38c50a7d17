// Loudness of a strip: what it is now, and how it went.

import { h } from "./dom.js";
import { control } from "./controls.js";
import { shown } from "./store.js";

const TOP = -5;
const BOTTOM = -45;

export function loudness(app, scope, base, node) {
  const { store } = app;
  const figures = Object.values(node.CONTENTS.loudness.CONTENTS).map((c) => store.meta(c.FULL_PATH)).filter((m) => !m.writable);
  const numbers = h("div.figures", null, figures.map((meta) => {
    const value = h("b");
    const update = () => (value.textContent = shown(meta, store.value(meta.address)));
    scope.add(store.listen(meta.address, update));
    update();
    return h("div", { title: meta.doc }, h("span", null, meta.address.split("/").at(-1)), value);
  }));
  const reset = node.CONTENTS.loudness.CONTENTS.reset ? control(app, scope, { ...store.meta(`${base}/loudness/reset`), tags: ["button"] }, "Start anew") : null;
  const parts = [numbers];
  if (base === "/main") parts.push(history(app, scope));
  const more = Object.values(node.CONTENTS.meter?.CONTENTS ?? {}).map((c) => store.meta(c.FULL_PATH)).filter((m) => m && !["in", "out", "rms", "spectrum"].includes(m.address.split("/").at(-1)) && !node.CONTENTS[m.address.split("/").at(-1)]);
  if (more.length) {
    parts.push(h("dl.facts", null, more.map((meta) => {
      const value = h("dd");
      const update = () => (value.textContent = shown(meta, store.value(meta.address)));
      scope.add(store.listen(meta.address, update));
      update();
      return h("div", null, h("dt", { title: meta.doc }, meta.address.split("/").at(-1)), value);
    })));
  }
  if (reset) parts.push(h("div.row", null, reset));
  return parts;
}

/** The last ten minutes of main: short-term as a line, momentary behind it. */
function history(app, scope) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const box = h("div.plot.history", { "aria-label": "Loudness of the last ten minutes" }, canvas);
  let width = 0;
  let tall = 0;
  let drawn = -1;
  const observer = new ResizeObserver(([entry]) => {
    width = Math.round(entry.contentRect.width);
    tall = Math.round(entry.contentRect.height);
    const ratio = Math.min(2, devicePixelRatio || 1);
    canvas.width = width * ratio;
    canvas.height = tall * ratio;
    canvas.getContext("2d").scale(ratio, ratio);
    drawn = -1;
  });
  observer.observe(box);
  scope.add(() => observer.disconnect());
  const y = (lufs) => (1 - Math.min(1, Math.max(0, (lufs - BOTTOM) / (TOP - BOTTOM)))) * tall;
  scope.add(app.everyFrame(() => {
    const { loudness: all, loudnessCount: count } = app;
    if (!width || count === drawn) return;
    drawn = count;
    const c = canvas.getContext("2d");
    c.clearRect(0, 0, width, tall);
    c.font = "11px system-ui, sans-serif";
    for (const lufs of [-9, -14, -18, -23, -30, -40]) {
      c.strokeStyle = lufs === -23 || lufs === -14 ? "#46505d" : "#252c35";
      c.beginPath();
      c.moveTo(0, y(lufs));
      c.lineTo(width, y(lufs));
      c.stroke();
      c.fillStyle = "#8d98a7";
      c.fillText(`${lufs}`.replace("-", "−"), 3, y(lufs) - 2);
    }
    const step = Math.max(1, width / 1200);
    const from = Math.max(0, all.length - Math.floor(width / step));
    c.fillStyle = "#2b6f8f88";
    for (let k = from; k < all.length; k += 1) {
      const top = y(all[k][0]);
      c.fillRect(width - (all.length - k) * step, top, step, tall - top);
    }
    c.beginPath();
    for (let k = from; k < all.length; k += 1) if (all[k][1] > -144) c.lineTo(width - (all.length - k) * step, y(all[k][1]));
    c.strokeStyle = "#ffb020";
    c.lineWidth = 2;
    c.stroke();
    c.lineWidth = 1;
  }));
  return box;
}
