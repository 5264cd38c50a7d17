// How the console does: load, times, xruns and their causes, banks, and how this page's own link does.

import { h, say } from "./dom.js";
import { shown } from "./store.js";

const SPREADS = ["process", "interval", "wakeup"];
const POINTS = ["p50", "p99", "p999", "max"];
const ABOUT = {
  process: "how long the program takes for a period",
  interval: "time from one period to the next",
  wakeup: "how late the audio thread was called",
};

export async function show(app, root, scope) {
  const { store, link } = app;
  root.replaceChildren(h("p.empty", null, "…"));
  const node = await store.tree("/status");
  if (scope.over) return;
  if (!node) {
    root.replaceChildren(h("p.empty", null, "This role does not see the status."));
    return;
  }
  link.watchFor("status", ["/status//*"], 2);
  scope.add(() => link.watchFor("status", []));
  const has = (path) => store.meta(`/status/${path}`) !== undefined;
  const number = (path) => store.number(`/status/${path}`);
  const watched = [];
  /** Text that follows some addresses. */
  const live = (paths, text, tag = "span") => {
    const element = h(tag);
    const update = () => text(element);
    for (const path of paths) scope.add(store.listen(`/status/${path}`, update));
    update();
    return element;
  };
  const told = (path) => live([path], (e) => (e.textContent = shown(store.meta(`/status/${path}`), store.value(`/status/${path}`)) || "–"));

  const big = (label, ...content) => h("div.gauge", null, h("span", null, label), ...content);
  const xruns = live(["xruns"], (e) => {
    e.textContent = String(number("xruns"));
    e.classList.toggle("bad", number("xruns") > 0);
  }, "b");
  const load = live(["load"], (e) => (e.textContent = `${number("load").toFixed(1)} %`), "b");
  const loadBar = h("div.loadbar", null, live(["load"], (e) => (e.style.transform = `scaleX(${Math.min(1, number("load") / 100)})`), "i"));
  const uptime = live(["uptime"], (e) => (e.textContent = lasting(number("uptime"))), "b");
  const format = live(["rate", "period", "backend", "running"], (e) => {
    const ms = (number("period") / Math.max(1, number("rate"))) * 1000;
    e.textContent = `${store.text("/status/backend")}, ${number("rate") / 1000} kHz, ${number("period")} frames (${ms.toFixed(2)} ms)${number("running") ? "" : " · standing"}`;
    e.classList.toggle("bad", !number("running"));
  });
  const causes = Object.keys(node.CONTENTS.cause?.CONTENTS ?? {});

  // Times on one logarithmic axis, in µs, with the period as a line.
  const canvas = h("canvas", { "aria-hidden": "true" });
  const plot = h("div.plot.times", { role: "img", "aria-label": "Times of periods" }, canvas);
  let width = 0;
  let tall = 0;
  let stale = true;
  const observer = new ResizeObserver(([entry]) => {
    [width, tall] = [Math.round(entry.contentRect.width), Math.round(entry.contentRect.height)];
    const ratio = Math.min(2, devicePixelRatio || 1);
    [canvas.width, canvas.height] = [width * ratio, tall * ratio];
    canvas.getContext("2d").scale(ratio, ratio);
    stale = true;
  });
  observer.observe(plot);
  scope.add(() => observer.disconnect());
  for (const group of SPREADS) for (const p of POINTS) scope.add(store.listen(`/status/${group}/${p}`, () => (stale = true)));
  scope.add(app.everyFrame(() => {
    if (!stale || !width) return;
    stale = false;
    draw();
  }));
  function draw() {
    const c = canvas.getContext("2d");
    c.clearRect(0, 0, width, tall);
    const [low, high] = [1, 200000];
    const left = 78;
    const x = (us) => left + (Math.log(Math.min(high, Math.max(low, us)) / low) / Math.log(high / low)) * (width - left - 12);
    c.font = "12px system-ui, sans-serif";
    for (let us = 1; us <= high; us *= 10) {
      c.fillStyle = "#252c35";
      c.fillRect(x(us), 0, 1, tall - 18);
      c.fillStyle = "#8d98a7";
      c.fillText(us >= 1000 ? `${us / 1000} ms` : `${us} µs`, x(us) + 3, tall - 5);
    }
    const period = (number("period") / Math.max(1, number("rate"))) * 1e6;
    c.fillStyle = "#ff6b62";
    c.fillRect(x(period), 0, 2, tall - 18);
    const rows = SPREADS.filter((g) => has(`${g}/p50`));
    const each = (tall - 18) / rows.length;
    for (const [k, group] of rows.entries()) {
      const y = k * each;
      c.fillStyle = "#cfd7e1";
      c.fillText(group, 4, y + each / 2 + 4);
      const values = POINTS.map((p) => number(`${group}/${p}`));
      const shades = ["#5cc3ff", "#4795c2", "#346b8b", "#244a60"];
      for (let j = POINTS.length - 1; j >= 0; j -= 1) {
        c.fillStyle = shades[j];
        c.fillRect(left, y + 7, Math.max(0, x(values[j]) - left), each - 14);
      }
    }
  }

  const table = h("table.spread", null,
    h("thead", null, h("tr", null, h("th", null, "µs"), ["mean", ...POINTS].map((p) => h("th", null, p)))),
    h("tbody", null, SPREADS.filter((g) => has(`${g}/p50`)).map((group) => h("tr", { title: ABOUT[group] }, h("th", null, group), ["mean", ...POINTS].map((p) => h("td", null, live([`${group}/${p}`], (e) => (e.textContent = Math.round(number(`${group}/${p}`))))))))));

  const ledger = Object.keys(node.CONTENTS.ledger?.CONTENTS ?? {}).sort((a, b) => a - b);
  const ledgerList = h("ol.ledger", null, ledger.map((n) => {
    const li = h("li");
    const update = () => {
      li.textContent = store.text(`/status/ledger/${n}`);
      li.hidden = !li.textContent;
    };
    scope.add(store.listen(`/status/ledger/${n}`, update));
    update();
    return li;
  }));
  const banks = Object.keys(node.CONTENTS.bank?.CONTENTS ?? {}).sort((a, b) => a - b);
  const bankTable = h("table.banks", null,
    h("thead", null, h("tr", null, ["Strips", "Chain", "Load", "Longest"].map((t) => h("th", null, t)))),
    h("tbody", null, banks.map((n) => {
      const cells = ["strips", "chain", "load", "max"].map((p) => {
        const td = h("td");
        const update = () => {
          const meta = store.meta(`/status/bank/${n}/${p}`);
          td.textContent = meta ? shown(meta, store.value(meta.address)) : "";
          if (p === "strips") td.parentElement && (td.parentElement.hidden = !td.textContent);
        };
        scope.add(store.listen(`/status/bank/${n}/${p}`, update));
        watched.push(update);
        return td;
      });
      return h("tr", null, cells);
    })));
  for (const update of watched) update();

  const own = h("dl.facts");
  const refresh = () => {
    const rows = [
      ["Round trip", link.trip === null ? "–" : `${link.trip.toFixed(1)} ms`],
      ["Dropouts", String(link.dropouts)],
      ["Longest without link", link.longest ? `${(link.longest / 1000).toFixed(1)} s` : "–"],
      ["Role", app.role || "–"],
      ["Values held", String(store.values.size)],
    ];
    own.replaceChildren(...rows.map(([k, v]) => h("div", null, h("dt", null, k), h("dd", null, v))));
  };
  refresh();
  const timer = setInterval(refresh, 1000);
  scope.add(() => clearInterval(timer));

  const shownAbove = new Set(["xruns", "load", "uptime", "rate", "period", "backend", "running"]);
  const rest = Object.entries(node.CONTENTS).filter(([name, child]) => !child.CONTENTS && !shownAbove.has(name));
  const state = Object.keys(node.CONTENTS.state?.CONTENTS ?? {});

  root.replaceChildren(h("div.page-body.cards.status", null,
    h("section.card.wide", { "aria-label": "Audio" },
      h("header", null, h("h2", null, "Audio"), format, h("button", { onclick: () => link.command("/status/reset").then(() => say("Counting anew."), (e) => say(e.message, "bad")) }, "Count anew")),
      h("div.gauges", null, big("Load", load, loadBar), big("Xruns", xruns), causes.map((cause) => big(cause, live([`cause/${cause}`], (e) => (e.textContent = String(number(`cause/${cause}`))), "b"))), big("Up", uptime), has("outages") ? big("Outages", live(["outages"], (e) => (e.textContent = String(number("outages"))), "b")) : null)),
    h("section.card.wide", { "aria-label": "Times" }, h("header", null, h("h2", null, "Times of a period"), h("span.dim", null, "bars: median, 99 %, 99.9 %, longest; red: the period")), plot, h("div.scrolled", null, table)),
    h("section.card.wide", { "aria-label": "Ledger" }, h("header", null, h("h2", null, "Last xruns and outages")), ledgerList),
    h("section.card.wide", { "aria-label": "Banks" }, h("header", null, h("h2", null, "What strips cost")), h("div.scrolled", null, bankTable)),
    h("section.card", { "aria-label": "This page" }, h("header", null, h("h2", null, "This page's link")), own),
    h("section.card", { "aria-label": "Server" }, h("header", null, h("h2", null, "Server")), h("dl.facts", null, rest.map(([name, child]) => h("div", null, h("dt", { title: child.DESCRIPTION }, name.replaceAll("-", " ")), h("dd", null, told(name)))))),
    state.length ? h("section.card", { "aria-label": "State" }, h("header", null, h("h2", null, "State")), h("dl.facts", null, state.map((p) => h("div", null, h("dt", null, p), h("dd", null, told(`state/${p}`)))))) : null));
}

function lasting(seconds) {
  const s = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, "0");
  const [d, hours, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  return d ? `${d} d ${two(hours)}:${two(m)}` : `${hours}:${two(m)}:${two(s % 60)}`;
}
