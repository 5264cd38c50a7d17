//! A layout as a session of Open Stage Control: JSON.
//!
//! It sends from the port that it listens on, so that what it subscribes to comes back without more being said. The script
//! of the first widget asks for ids and subscribes, again whenever nothing was heard for some seconds.

use super::{Colour, Content, HEIGHT, Item, Layout, Readout, Rect, Tab, Travel, What};
use serde_json::{Map, Value, json};

/// Version of the program whose format this is.
const VERSION: &str = "1.29.8";
/// Height of the label below a control.
const LABEL: f32 = 24.0;

/// The session.
pub fn write(layout: &Layout) -> String {
    let mut writer = Writer { widgets: 0 };
    let mut widgets = vec![writer.hello(layout), writer.pages(layout)];
    for item in &layout.beside {
        writer.item(item, &mut widgets);
    }
    if layout.login {
        let at = Rect { x: layout.width - 240.0, y: HEIGHT - 34.0, w: 234.0, h: 30.0 };
        let mut field = writer.widget("input", at, [128, 136, 146]);
        field.insert("id".into(), json!("token"));
        field.insert("address".into(), json!("/login"));
        field.insert("typeTags".into(), json!("s"));
        widgets.push(Value::Object(field));
    }
    let content = json!({ "type": "root", "id": "root", "widgets": widgets, "tabs": [] });
    json!({ "version": VERSION, "type": "session", "content": content }).to_string()
}

struct Writer {
    widgets: usize,
}

impl Writer {
    fn name(&mut self, sort: &str) -> String {
        self.widgets += 1;
        format!("{sort}-{}", self.widgets)
    }

    fn widget(&mut self, sort: &str, at: Rect, colour: Colour) -> Map<String, Value> {
        let [r, g, b] = colour;
        let mut widget = Map::new();
        for (key, value) in [
            ("type", json!(sort)),
            ("id", json!(self.name(sort))),
            ("left", json!(at.x)),
            ("top", json!(at.y)),
            ("width", json!(at.w)),
            ("height", json!(at.h)),
            ("colorWidget", json!(format!("#{r:02x}{g:02x}{b:02x}"))),
        ] {
            widget.insert(key.into(), value);
        }
        widget
    }

    /// Asks for ids and subscribes; hears `/rev`, which comes at least once a second.
    fn hello(&mut self, layout: &Layout) -> Value {
        let wanted = json!(layout.wanted);
        let login =
            if layout.login { "var token = get('token'); if (token) send('/login', {type: 's', value: token});" } else { "" };
        let script = format!(
            "var wanted = {wanted};\n\
             var hello = () => {{\n  {login}\n  send('/client/ids', {{type: 'i', value: 1}});\n  \
             wanted.forEach(one => send('/subscribe', {{type: 's', value: one}}, {{type: 'i', value: 60}}));\n}};\n\
             globals.heard = 0;\nhello();\n\
             setInterval('hello', () => {{\n  if (Date.now() - globals.heard > 3000) hello(); else send('/ping');\n}}, 5000);"
        );
        json!({
            "type": "variable", "id": "hello", "address": "/rev", "bypass": true,
            "onCreate": script, "onValue": "globals.heard = Date.now()",
        })
    }

    fn pages(&mut self, layout: &Layout) -> Value {
        let at = Rect { x: 0.0, y: 0.0, w: layout.width, h: HEIGHT };
        let mut panel = self.widget("panel", at, [72, 78, 88]);
        self.fill(&mut panel, &layout.pages);
        Value::Object(panel)
    }

    fn fill(&mut self, container: &mut Map<String, Value>, content: &Content) {
        let (mut widgets, mut tabs) = (Vec::new(), Vec::new());
        match content {
            Content::Items(items) => items.iter().for_each(|item| self.item(item, &mut widgets)),
            Content::Tabs(all) => tabs.extend(all.iter().map(|tab| self.tab(tab))),
        }
        container.insert("widgets".into(), json!(widgets));
        container.insert("tabs".into(), json!(tabs));
    }

    fn tab(&mut self, tab: &Tab) -> Value {
        let [r, g, b] = tab.colour.unwrap_or([128, 136, 146]);
        let mut widget = Map::new();
        widget.insert("type".into(), json!("tab"));
        widget.insert("id".into(), json!(self.name("tab")));
        widget.insert("label".into(), json!(tab.title));
        widget.insert("colorWidget".into(), json!(format!("#{r:02x}{g:02x}{b:02x}")));
        self.fill(&mut widget, &tab.content);
        Value::Object(widget)
    }

    fn item(&mut self, item: &Item, out: &mut Vec<Value>) {
        let (at, colour) = (item.at, item.colour);
        let mut put = |mut widget: Map<String, Value>, more: &[(&str, Value)]| {
            widget.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
            out.push(Value::Object(widget));
        };
        match &item.what {
            What::Words(words) => {
                let widget = self.widget("text", at, colour);
                put(widget, &[("default", json!(words)), ("bypass", json!(true))]);
            }
            What::Told { address, text } => {
                let widget = self.widget("text", at, colour);
                put(widget, &[("default", json!(text)), ("address", json!(address)), ("bypass", json!(true))]);
            }
            What::Switch { address, label, held, writes } => {
                let widget = self.widget("button", at, colour);
                let mode = if *held { "push" } else { "toggle" };
                put(
                    widget,
                    &[
                        ("address", json!(address)),
                        ("label", json!(label)),
                        ("mode", json!(mode)),
                        ("on", json!(1)),
                        ("off", json!(0)),
                        ("typeTags", json!("i")),
                        ("interaction", json!(writes)),
                        ("bypass", json!(!writes)),
                    ],
                );
            }
            What::Meter { address, sides, low, high } => {
                let wide = at.w / *sides as f32;
                let mut bars = Vec::new();
                for side in 0..*sides {
                    let widget = self.widget("fader", Rect { x: at.x + side as f32 * wide, w: wide, ..at }, [86, 200, 110]);
                    bars.push(widget["id"].clone());
                    // A bar takes one number; several come to a variable, which hands them out.
                    let heard = if *sides == 1 { json!(address) } else { json!("auto") };
                    put(
                        widget,
                        &[
                            ("address", heard),
                            ("range", json!({ "min": low, "max": high })),
                            ("design", json!("compact")),
                            ("horizontal", json!(at.w > at.h)),
                            ("interaction", json!(false)),
                            ("bypass", json!(true)),
                        ],
                    );
                }
                if *sides > 1 {
                    let bars = json!(bars);
                    let script = format!(
                        "if (Array.isArray(value)) {bars}.forEach((bar, side) => \
                         set(bar, value[side], {{sync: false, send: false}}))"
                    );
                    let id = self.name("variable");
                    let told = [("type", json!("variable")), ("id", json!(id)), ("address", json!(address))];
                    let more = [("bypass", json!(true)), ("onValue", json!(script))];
                    put(Map::new(), &[told.as_slice(), more.as_slice()].concat());
                }
            }
            What::Fader(travel) | What::Knob(travel) => {
                let sort = if matches!(item.what, What::Fader(_)) { "fader" } else { "knob" };
                let label = self.widget("text", Rect { y: at.y + at.h - LABEL, h: LABEL, ..at }, colour);
                let script = script(travel, label["id"].as_str().unwrap_or_default());
                let widget = self.widget(sort, Rect { h: at.h - LABEL, ..at }, colour);
                let steps = travel.stops.map_or(json!(""), |stops| json!(stops));
                put(
                    widget,
                    &[
                        ("address", json!(travel.address)),
                        ("range", json!({ "min": travel.low, "max": travel.high })),
                        ("default", json!(travel.at(travel.default))),
                        ("doubleTap", json!(true)),
                        ("steps", steps),
                        ("decimals", json!(5)),
                        ("typeTags", json!("f")),
                        ("interaction", json!(travel.writes)),
                        ("bypass", json!(!travel.writes)),
                        ("onValue", json!(script)),
                    ],
                );
                put(label, &[("default", json!(travel.label)), ("bypass", json!(true))]);
            }
        }
    }
}

/// Writes the value to the label below the control.
fn script(travel: &Travel, label: &str) -> String {
    let (low, high) = (json!(travel.low), json!(travel.high));
    let (text, unit) = match &travel.readout {
        Readout::Linear { low, high, whole, unit } => {
            let round = if *whole { "v = Math.round(v);" } else { "" };
            (format!("var v = {} + x * ({} - {});{round}", json!(low), json!(high), json!(low)), *unit)
        }
        Readout::Log { low, high, unit } => (format!("var v = {0} * Math.pow({1} / {0}, x);", json!(low), json!(high)), *unit),
        Readout::Points { values, unit } => {
            let last = values.len() - 1;
            let text = format!(
                "var p = {}, k = Math.min(Math.floor(x * {last}), {}), v = p[k] + (x * {last} - k) * (p[k + 1] - p[k]);",
                json!(values),
                last - 1
            );
            (text, *unit)
        }
        Readout::Names(names) => {
            let text = format!("var t = {}[Math.round(x * {})];", json!(names), names.len() - 1);
            return told(&low, &high, &text, travel, label);
        }
    };
    let off = if matches!(travel.readout, Readout::Points { .. }) { "if (x <= 0) t = 'off';" } else { "" };
    let number = "var a = Math.abs(v), t = a >= 1000 ? (v / 1000).toFixed(2) + 'k' : v.toFixed(a >= 100 ? 0 : a >= 10 ? 1 : 2);";
    told(&low, &high, &format!("{text} {number} t += ' ' + {}; {off}", json!(unit)), travel, label)
}

fn told(low: &Value, high: &Value, text: &str, travel: &Travel, label: &str) -> String {
    let (words, label) = (json!(format!("{} ", travel.label).trim_start()), json!(label));
    format!("var x = (value - {low}) / ({high} - {low}); {text} set({label}, {words} + t, {{sync: false, send: false}})")
}
