//! Shapes as SVG: sharp at any size, its texts can be searched.

use std::fmt::Write as _;

use super::{Anchor, Colour, PAPER, Shape, Size};

/// The file's text.
pub fn encode(shapes: &[Shape], width: f64, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"'Noto Sans Mono','DejaVu Sans Mono',monospace\">\n<rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
        colour(PAPER)
    );
    for shape in shapes {
        let _ = match shape {
            Shape::Rect { at, size, fill } => writeln!(
                svg,
                r#"<rect x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" fill="{}"/>"#,
                at[0],
                at[1],
                size[0],
                size[1],
                colour(*fill)
            ),
            Shape::Line { points, colour: stroke, width } => writeln!(
                svg,
                r#"<polyline points="{}" fill="none" stroke="{}" stroke-width="{width}" stroke-linejoin="round"/>"#,
                list(points),
                colour(*stroke)
            ),
            Shape::Area { points, fill } => writeln!(svg, r#"<polygon points="{}" fill="{}"/>"#, list(points), colour(*fill)),
            Shape::Text { at, text, size, anchor, colour: ink } => {
                let anchor = match anchor {
                    Anchor::Start => "start",
                    Anchor::Middle => "middle",
                    Anchor::End => "end",
                };
                let weight = if *size == Size::Title { " font-weight=\"bold\"" } else { "" };
                writeln!(
                    svg,
                    r#"<text x="{:.1}" y="{:.1}" font-size="{}" text-anchor="{anchor}" fill="{}"{weight} xml:space="preserve">{}</text>"#,
                    at[0],
                    at[1],
                    size.pixels(),
                    colour(*ink),
                    text.replace('&', "&amp;").replace('<', "&lt;")
                )
            }
        };
    }
    svg.push_str("</svg>\n");
    svg
}

fn colour([r, g, b]: Colour) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn list(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    for (x, y) in points {
        let _ = write!(out, "{x:.1},{y:.1} ");
    }
    out.truncate(out.trim_end().len());
    out
}
