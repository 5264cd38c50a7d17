//! A layout as TouchOSC opens it: XML, compressed by zlib (`.tosc`).
//!
//! Version 3 of the format, which newer apps open too. Its parts as the app names them: a tree of nodes, each with
//! properties, values, messages and children.
//!
//! A number is a group of two nodes, the control and a label that its script writes the value to, since who moves a
//! fader is not told where it is. The script of the root asks for ids and subscribes, again whenever nothing was heard
//! for some seconds: after a restart of the console, or of the network.

use super::{Colour, Content, HEIGHT, Item, Layout, Readout, Rect, TABS, Tab, Travel, WIDTH, What};
use miniz_oxide::deflate::compress_to_vec_zlib;
use std::fmt::Write;

/// Effort of the compression: the usual one.
const LEVEL: u8 = 6;
/// Height of the label below a control.
const LABEL: f32 = 24.0;
const BACK: Colour = [22, 24, 28];
const TEXT: Colour = [232, 234, 238];

/// The bytes of the file.
pub fn write(layout: &Layout) -> Vec<u8> {
    compress_to_vec_zlib(xml(layout).as_bytes(), LEVEL)
}

/// The XML in it.
pub fn xml(layout: &Layout) -> String {
    let mut out = Writer { xml: String::from("<?xml version='1.0' encoding='UTF-8'?><lexml version='3'>"), nodes: 0 };
    let all = Rect { x: 0.0, y: 0.0, w: WIDTH, h: HEIGHT };
    let root = Node::new("GROUP", &layout.title, all, BACK).property("s", "script", &root_script(layout));
    out.node(root, |out| {
        let pages = Rect { w: layout.width, ..all };
        out.content(&layout.pages, pages);
        layout.beside.iter().for_each(|item| out.item(item));
        if layout.login {
            out.login();
        }
    });
    out.xml + "</lexml>"
}

/// What a node has beside its children.
struct Node {
    sort: &'static str,
    properties: String,
    values: String,
    messages: String,
}

fn cdata(text: &str) -> String {
    // What no XML may hold is no part of a name either.
    let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

impl Node {
    fn new(sort: &'static str, name: &str, at: Rect, colour: Colour) -> Node {
        let mut node = Node { sort, properties: String::new(), values: String::new(), messages: String::new() };
        let frame = format!("<x>{}</x><y>{}</y><w>{}</w><h>{}</h>", at.x, at.y, at.w, at.h);
        let _ = write!(node.properties, "<property type='r'><key><![CDATA[frame]]></key><value>{frame}</value></property>");
        node.property("s", "name", name).colour("color", colour).value("touch", "false")
    }

    fn property(mut self, sort: &str, key: &str, value: &str) -> Node {
        let value = if sort == "s" { cdata(value) } else { value.to_owned() };
        let _ = write!(self.properties, "<property type='{sort}'><key><![CDATA[{key}]]></key><value>{value}</value></property>");
        self
    }

    fn flag(self, key: &str, on: bool) -> Node {
        self.property("b", key, if on { "1" } else { "0" })
    }

    fn colour(mut self, key: &str, colour: Colour) -> Node {
        let [r, g, b] = colour.map(|c| f32::from(c) / 255.0);
        let _ = write!(
            self.properties,
            "<property type='c'><key><![CDATA[{key}]]></key><value><r>{r}</r><g>{g}</g><b>{b}</b><a>1</a></value></property>"
        );
        self
    }

    fn value(mut self, key: &str, default: &str) -> Node {
        let _ = write!(
            self.values,
            "<value><key><![CDATA[{key}]]></key><locked>0</locked><lockedDefaultCurrent>0</lockedDefaultCurrent>\
             <default>{}</default><defaultPull>0</defaultPull></value>",
            cdata(default)
        );
        self
    }

    /// Binds a value of the node to an address.
    fn bind(mut self, address: &str, bound: &Bound) -> Node {
        let partial = |sort: &str, conversion: &str, value: &str, low: f64, high: f64| {
            format!(
                "<partial><type>{sort}</type><conversion>{conversion}</conversion><value>{}</value>\
                 <scaleMin>{low}</scaleMin><scaleMax>{high}</scaleMax></partial>",
                cdata(value)
            )
        };
        let _ = write!(
            self.messages,
            "<osc><enabled>1</enabled><send>{}</send><receive>{}</receive><feedback>0</feedback><connections>00001</connections>\
             <triggers><trigger><var><![CDATA[{}]]></var><condition>ANY</condition></trigger></triggers>\
             <path>{}</path><arguments>{}</arguments></osc>",
            u8::from(bound.sends),
            u8::from(bound.receives),
            bound.value,
            partial("CONSTANT", "STRING", address, 0.0, 1.0),
            partial("VALUE", bound.conversion, bound.value, bound.low, bound.high),
        );
        self
    }

    fn text(self, size: u32, colour: Colour) -> Node {
        let size = size.to_string();
        self.property("i", "textSize", &size).property("i", "textAlignH", "2").colour("textColor", colour)
    }
}

/// What of a node is bound, and how.
struct Bound {
    value: &'static str,
    conversion: &'static str,
    low: f64,
    high: f64,
    sends: bool,
    receives: bool,
}

impl Bound {
    fn number(low: f64, high: f64, sends: bool) -> Bound {
        Bound { value: "x", conversion: "FLOAT", low, high, sends, receives: true }
    }

    fn text(sends: bool, receives: bool) -> Bound {
        Bound { value: "text", conversion: "STRING", low: 0.0, high: 1.0, sends, receives }
    }
}

struct Writer {
    xml: String,
    nodes: u64,
}

impl Writer {
    fn node(&mut self, node: Node, children: impl FnOnce(&mut Writer)) {
        self.nodes += 1;
        // Unique in its file, and the same for the same rig: a file that did not change stays the same.
        let id = format!("68656164-726f-4f6d-8000-{:012x}", self.nodes);
        let Node { sort, properties, values, messages } = node;
        let _ = write!(
            self.xml,
            "<node ID='{id}' type='{sort}'><properties>{properties}</properties><values>{values}</values>\
             <messages>{messages}</messages><children>"
        );
        children(self);
        self.xml.push_str("</children></node>");
    }

    fn content(&mut self, content: &Content, at: Rect) {
        match content {
            Content::Items(items) => {
                let group = Node::new("GROUP", "page", at, BACK).flag("outline", false);
                self.node(group, |out| items.iter().for_each(|item| out.item(item)));
            }
            Content::Tabs(tabs) => {
                let pager = Node::new("PAGER", "pages", at, BACK).flag("tabbar", true).flag("tabLabels", true);
                let pager = pager.property("i", "tabbarSize", &TABS.to_string()).value("page", "0");
                self.node(pager, |out| tabs.iter().for_each(|tab| out.tab(tab, at)));
            }
        }
    }

    fn tab(&mut self, tab: &Tab, pager: Rect) {
        let at = Rect { x: 0.0, y: TABS, w: pager.w, h: pager.h - TABS };
        let tint = tab.colour.unwrap_or([72, 78, 88]);
        let group = Node::new("GROUP", &tab.title, at, BACK).property("s", "tabLabel", &tab.title).flag("outline", false);
        let group = group.colour("tabColorOff", tint.map(|c| c / 3)).colour("tabColorOn", tint);
        let group = group.colour("textColorOff", TEXT).colour("textColorOn", TEXT);
        let inside = Rect { x: 0.0, y: 0.0, ..at };
        self.node(group, |out| match &tab.content {
            Content::Items(items) => items.iter().for_each(|item| out.item(item)),
            tabs => out.content(tabs, inside),
        });
    }

    fn leaf(&mut self, node: Node) {
        self.node(node, |_| {});
    }

    fn item(&mut self, item: &Item) {
        let (at, colour) = (item.at, item.colour);
        match &item.what {
            What::Words(words) => self.words(words, at, colour),
            What::Told { address, text } => {
                let label = Node::new("LABEL", address, at, colour).flag("background", true).text(16, TEXT);
                self.leaf(label.value("text", text).bind(address, &Bound::text(false, true)));
            }
            What::Switch { address, label, held, writes } => {
                let button = Node::new("BUTTON", address, at, colour).flag("interactive", *writes);
                let button = button.property("i", "buttonType", if *held { "0" } else { "2" }).flag("press", true);
                let button = button.flag("release", *held).value("x", "0");
                self.leaf(button.bind(address, &Bound::number(0.0, 1.0, *writes)));
                let inside = Node::new("LABEL", "label", at, colour).flag("background", false).flag("interactive", false);
                self.leaf(inside.text(14, TEXT).value("text", label));
            }
            What::Meter { address, sides, low, high } => {
                let wide = at.w / *sides as f32;
                for side in 0..*sides {
                    let at = Rect { x: at.x + side as f32 * wide, w: wide - 1.0, ..at };
                    // The app reads the first number of a message; the script of the root takes the other to its meter.
                    let name = if side == 0 { address.clone() } else { format!("second {address}") };
                    let meter = Node::new("FADER", &name, at, [86, 200, 110]).flag("interactive", false).flag("cursor", false);
                    let meter = meter.flag("bar", true).property("i", "orientation", orientation(at)).value("x", "0");
                    let bound = Bound::number(*low, *high, false);
                    self.leaf(if side == 0 { meter.bind(address, &bound) } else { meter });
                }
            }
            What::Fader(travel) => self.travel(travel, "FADER", at, colour),
            What::Knob(travel) => self.travel(travel, "RADIAL", at, colour),
        }
    }

    fn words(&mut self, words: &str, at: Rect, colour: Colour) {
        let label = Node::new("LABEL", "words", at, colour).flag("background", false).flag("interactive", false);
        self.leaf(label.text(14, TEXT).value("text", words));
    }

    fn travel(&mut self, travel: &Travel, sort: &'static str, at: Rect, colour: Colour) {
        self.node(Node::new("GROUP", &travel.address, at, BACK).flag("outline", false), |out| {
            let inside = Rect { x: 0.0, y: 0.0, w: at.w, h: at.h - LABEL };
            let control = Node::new(sort, "control", inside, colour).flag("interactive", travel.writes);
            let control = match (sort, travel.stops) {
                ("FADER", _) => control.property("i", "orientation", orientation(inside)).property("i", "response", "1"),
                (_, Some(stops)) => control.flag("grid", true).property("i", "gridSteps", &stops.to_string()),
                _ => control,
            };
            let control = control.property("s", "script", &script(travel)).value("x", &travel.default.to_string());
            out.leaf(control.bind(&travel.address, &Bound::number(travel.low, travel.high, travel.writes)));
            let below = Rect { x: 0.0, y: at.h - LABEL, w: at.w, h: LABEL };
            let label = Node::new("LABEL", "value", below, colour).flag("background", false).flag("interactive", false);
            out.leaf(label.text(12, TEXT).value("text", &travel.label));
        });
    }

    /// A field for the token, over the right end of the tabs.
    fn login(&mut self) {
        let at = Rect { x: WIDTH - 240.0, y: HEIGHT - 34.0, w: 234.0, h: 30.0 };
        let field = Node::new("TEXT", "token", at, [72, 78, 88]).text(14, TEXT).value("text", "");
        self.leaf(field.bind("/login", &Bound::text(true, false)));
    }
}

fn orientation(at: Rect) -> &'static str {
    if at.h >= at.w { "0" } else { "1" }
}

fn lua(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace(['\n', '\r'], " "))
}

/// Writes the value to the label beside the control.
fn script(travel: &Travel) -> String {
    let (value, unit) = match &travel.readout {
        Readout::Linear { low, high, whole, unit } => {
            let round = if *whole { "v = math.floor(v + 0.5)" } else { "" };
            (format!("local v = {low} + x * ({high} - {low}) {round}"), *unit)
        }
        Readout::Log { low, high, unit } => (format!("local v = {low} * ({high} / {low}) ^ x"), *unit),
        Readout::Points { values, unit } => {
            let list: Vec<String> = values.iter().map(f64::to_string).collect();
            let points = list.join(", ");
            let last = values.len() - 1;
            let value = format!(
                "local p = {{{points}}} local k = math.min(math.floor(x * {last}), {}) \
                 local v = p[k + 1] + (x * {last} - k) * (p[k + 2] - p[k + 1])",
                last - 1
            );
            (value, *unit)
        }
        Readout::Names(names) => {
            let list: Vec<String> = names.iter().map(|name| lua(name)).collect();
            let count = names.len() - 1;
            let list = list.join(", ");
            return changed(&format!("local t = ({{{list}}})[math.floor(x * {count} + 0.5) + 1]"), &travel.label);
        }
    };
    let off = if matches!(travel.readout, Readout::Points { .. }) { "if x <= 0 then t = 'off' end" } else { "" };
    let unit = lua(unit);
    let number = "local a = math.abs(v) local t = a >= 1000 and string.format('%.2fk', v / 1000) or \
                  string.format(a >= 100 and '%.0f' or a >= 10 and '%.1f' or '%.2f', v)";
    changed(&format!("{value} {number} t = t .. ' ' .. {unit} {off}"), &travel.label)
}

fn changed(text: &str, label: &str) -> String {
    let label = lua(label);
    format!(
        "function onValueChanged(key)\n  if key ~= 'x' then return end\n  local x = self.values.x\n  {text}\n  \
         self.parent.children.value.values.text = {label} .. ' ' .. t\nend\n"
    )
}

fn root_script(layout: &Layout) -> String {
    let wanted: Vec<String> = layout.wanted.iter().map(|pattern| lua(pattern)).collect();
    let wanted = wanted.join(", ");
    let login = if layout.login {
        "local token = self.children.token.values.text\n  if token ~= '' then sendOSC('/login', token) end"
    } else {
        ""
    };
    let floor = -super::bank::FLOOR_DB;
    format!(
        "local wanted = {{{wanted}}}\n\
         local heard, said = -1e9, -1e9\n\
         local second = {{}}\n\
         function hello()\n  {login}\n  sendOSC('/client/ids', 1)\n  \
         for i = 1, #wanted do sendOSC('/subscribe', wanted[i], 60) end\nend\n\
         function update()\n  local now = getMillis()\n  \
         if now - heard > 3000 and now - said > 3000 then\n    said = now\n    hello()\n  \
         elseif now - said > 10000 then\n    said = now\n    sendOSC('/ping')\n  end\nend\n\
         function onReceiveOSC(message)\n  heard = getMillis()\n  local path, args = message[1], message[2]\n  \
         if #args ~= 2 or not string.find(path, '/meter/', 1, true) then return end\n  \
         local meters = second[path]\n  \
         if meters == nil then meters = self:findAllByName('second ' .. path, true) second[path] = meters end\n  \
         for i = 1, #meters do meters[i].values.x = math.max(0, math.min(1, 1 + args[2].value / {floor})) end\nend\n"
    )
}
