// Who this is, what the page shows, and what the console as a whole can be told.

import { h, say } from "./dom.js";
import { control } from "./controls.js";

/** Who is on: from where, with what role, what it calls itself; nothing where the role is not told. */
async function clients(link) {
  const all = [];
  for (let from = 0; ; ) {
    const told = await link.command("/clients", from).catch(() => null);
    if (!told) return null;
    for (let n = 0; n + 3 <= told.length; n += 3) all.push(told.slice(n, n + 3));
    if (told.length % 3 === 0) return all;
    from = told[told.length - 1];
  }
}

function table(all) {
  const row = (cells, kind) => h("tr", null, cells.map((text) => h(kind, null, text)));
  return h("table", null, h("thead", null, row(["From", "Role", "Name"], "th")), h("tbody", null, all.map((one) => row(one, "td"))));
}

export async function show(app, root, scope) {
  const { link } = app;
  const info = app.info;
  const token = h("input", { type: "password", "aria-label": "Token", placeholder: "Token", autocomplete: "current-password" });
  const login = async (event) => {
    event.preventDefault();
    const text = token.value.trim();
    if (!text) return;
    // The answer sets a cookie, which the WebSocket and all else that is fetched then use.
    const answer = await fetch(`/?token=${encodeURIComponent(text)}`, { headers: { Accept: "text/html" }, credentials: "same-origin" }).catch(() => null);
    if (answer?.ok) location.replace("/");
    else say(answer ? await answer.text() : "There is no link to the console.", "bad");
  };
  const point = h("select", { "aria-label": "Channel meters show", onchange: () => {
    app.memory.point = point.value;
    app.remember();
  } }, [["in", "the input, after trim"], ["out", "the output, after the fader"]].map(([v, t]) => h("option", { value: v, selected: (app.memory.point ?? "in") === v }, t)));
  const run = (address, done) => link.command(address).then(() => say(done), (error) => say(error.message, "bad"));
  const learn = () => {
    say("Touch a control of a surface, then move here what it shall move.");
    link.command("/midi/learn").then(([surface, control, address]) => say(`${surface}: ${control} moves ${address}.`), (error) => say(error.message, "bad"));
  };
  const tempo = app.isWhole ? await app.about("/tempo").catch(() => null) : null;

  const on = app.model.strips.length ? await clients(link) : null;
  const list = h("div.clients", null, on ? table(on) : null);
  const again = async () => {
    const now = await clients(link);
    if (now) list.replaceChildren(table(now));
  };

  root.replaceChildren(h("div.page-body.cards", null,
    h("section.card", { "aria-label": "Console" }, h("header", null, h("h2", null, "Console")),
      h("dl.facts", null, [["Rig", info?.rig], ["Program", info ? `${info.program} ${info.version}` : ""], ["Rate", info ? `${info.rate / 1000} kHz` : ""], ["Period", info ? `${info.period} frames` : ""], ["Role", app.role]].filter(([, v]) => v).map(([k, v]) => h("div", null, h("dt", null, k), h("dd", null, v)))),
      app.isWhole ? h("div.row", null, h("button", { onclick: () => run("/rig/reload", "The rig file is read again.") }, "Read the rig file again"), h("button", { onclick: () => run("/undo", "Taken back.") }, "Undo"), h("button", { onclick: () => run("/redo", "Done again.") }, "Redo")) : null),
    app.isWhole ? h("section.card", { "aria-label": "Surfaces" }, h("header", null, h("h2", null, "Surfaces")),
      h("p.dim", null, "A control of a MIDI surface learns what it moves: it is touched, then a fader or knob of this mixer is moved."),
      h("div.row", null, h("button", { onclick: learn }, "Learn a control"))) : null,
    h("section.card", { "aria-label": "Access" }, h("header", null, h("h2", null, "Access")),
      h("p.dim", null, app.model.strips.length ? "With another token this page becomes that role's." : "This console asks for a token. Who runs it has one for you, or a link that holds it."),
      h("form.row", { onsubmit: login }, token, h("button.primary", null, "Log in"))),
    app.model.strips.length ? h("section.card", { "aria-label": "Tablets" }, h("header", null, h("h2", null, "Tablets")),
      h("p.dim", null, "A layout of what this role may use, as the rig is now."),
      h("div.row", null, h("a.button", { href: "/layout/stage.tosc", download: "stage.tosc" }, "TouchOSC"), h("a.button", { href: "/layout/open-stage-control.json", download: "open-stage-control.json" }, "Open Stage Control"))) : null,
    on ? h("section.card", { "aria-label": "Who is on" }, h("header", null, h("h2", null, "Who is on")), list, h("div.row", null, h("button", { onclick: again }, "Look again"))) : null,
    h("section.card", { "aria-label": "This page" }, h("header", null, h("h2", null, "This page")),
      h("label.choice", null, h("span.name", null, "Channel meters show"), point),
      document.fullscreenEnabled ? h("div.row", null, h("button", { onclick: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()) }, "Full screen")) : null,
      h("p.dim", null, "Drag moves, double tap resets, a drag with Shift or far to the side is fine. Keys: arrows and Page keys move, Enter types a value, m mutes, s solos, [ and ] turn to other strips. On the EQ a second finger, the wheel, + and − change Q.")),
    tempo ? h("section.card", { "aria-label": "Tempo" }, h("header", null, h("h2", null, "Tempo")), h("div.knobs", null, control(app, scope, tempo, "tempo"), h("button.toggle", { onclick: () => link.command("/tap").catch((e) => say(e.message, "bad")) }, "Tap"))) : null,
  ));
  if (!app.model.strips.length) token.focus();
}
