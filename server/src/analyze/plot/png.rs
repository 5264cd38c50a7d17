//! Shapes as PNG, two pixels for one of the picture.

use std::io;

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use tiny_skia::{FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::{Anchor, Colour, PAPER, Shape, Size};

const SCALE: f64 = 2.0;

/// The bytes of the file.
pub fn encode(shapes: &[Shape], width: f64, height: f64) -> io::Result<Vec<u8>> {
    let failed = |what: &str| io::Error::other(what.to_string());
    let mut map =
        Pixmap::new((width * SCALE) as u32, (height * SCALE) as u32).ok_or_else(|| failed("the picture has no size"))?;
    map.fill(tiny_skia::Color::from_rgba8(PAPER[0], PAPER[1], PAPER[2], 255));
    for shape in shapes {
        draw(&mut map, shape);
    }
    map.encode_png().map_err(|e| failed(&e.to_string()))
}

fn draw(map: &mut Pixmap, shape: &Shape) {
    let scale = Transform::from_scale(SCALE as f32, SCALE as f32);
    match shape {
        Shape::Rect { at, size, fill } => {
            let rect = Rect::from_xywh(at[0] as f32, at[1] as f32, size[0] as f32, size[1] as f32);
            if let Some(rect) = rect {
                map.fill_rect(rect, &paint(*fill), scale, None);
            }
        }
        Shape::Line { points, colour, width } => {
            // Straight lines along the axes lie on whole pixels.
            let sharp = points.len() == 2 && (points[0].0 == points[1].0 || points[0].1 == points[1].1);
            let snapped: Vec<(f64, f64)> =
                points.iter().map(|&(x, y)| if sharp { (x.round(), y.round()) } else { (x, y) }).collect();
            if let Some(path) = path(&snapped, false) {
                let stroke =
                    Stroke { width: *width as f32, line_join: LineJoin::Round, line_cap: LineCap::Butt, ..Stroke::default() };
                map.stroke_path(&path, &paint(*colour), &stroke, scale, None);
            }
        }
        Shape::Area { points, fill } => {
            if let Some(path) = path(points, true) {
                map.fill_path(&path, &paint(*fill), FillRule::Winding, scale, None);
            }
        }
        Shape::Text { at, text, size, anchor, colour } => write(map, *at, text, *size, *anchor, *colour),
    }
}

fn paint([r, g, b]: Colour) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(r, g, b, 255);
    paint
}

fn path(points: &[(f64, f64)], close: bool) -> Option<Path> {
    let (first, rest) = points.split_first()?;
    let mut builder = PathBuilder::new();
    builder.move_to(first.0 as f32, first.1 as f32);
    for (x, y) in rest {
        builder.line_to(*x as f32, *y as f32);
    }
    if close {
        builder.close();
    }
    builder.finish()
}

/// How dark each pixel of a letter is, row by row. A letter that the font lacks is a question mark.
fn letter(letter: char, weight: FontWeight, height: RasterHeight) -> Vec<Vec<u8>> {
    let drawn = |c| get_raster(c, weight, height).map(|drawn| drawn.rows().map(<[u8]>::to_vec).collect());
    match letter {
        // The bar of the plus alone: the font's hyphen is too short for a minus.
        '−' | '–' => {
            let mut rows: Vec<Vec<u8>> = drawn('+').unwrap_or_default();
            for row in &mut rows {
                if row.iter().filter(|dark| **dark > 0).count() * 2 < row.len() {
                    row.fill(0);
                }
            }
            rows
        }
        other => drawn(other).or_else(|| drawn('?')).unwrap_or_default(),
    }
}

fn write(map: &mut Pixmap, at: [f64; 2], text: &str, size: Size, anchor: Anchor, ink: Colour) {
    let (weight, height) = match size {
        Size::Small => (FontWeight::Regular, RasterHeight::Size24),
        Size::Normal => (FontWeight::Regular, RasterHeight::Size32),
        Size::Title => (FontWeight::Bold, RasterHeight::Size32),
    };
    let step = get_raster_width(weight, height) as i64;
    let wide = step * text.chars().count() as i64;
    let left = (at[0] * SCALE).round() as i64
        - match anchor {
            Anchor::Start => 0,
            Anchor::Middle => wide / 2,
            Anchor::End => wide,
        };
    // The base line is at four fifths of a letter's box.
    let top = (at[1] * SCALE).round() as i64 - (height.val() * 4 / 5) as i64;
    for (n, c) in text.chars().enumerate() {
        for (dy, row) in letter(c, weight, height).iter().enumerate() {
            for (dx, &dark) in row.iter().enumerate() {
                blend(map, left + n as i64 * step + dx as i64, top + dy as i64, dark, ink);
            }
        }
    }
}

/// Mixes ink into a pixel of the opaque picture.
fn blend(map: &mut Pixmap, x: i64, y: i64, dark: u8, ink: Colour) {
    let (width, height) = (i64::from(map.width()), i64::from(map.height()));
    if dark == 0 || !(0..width).contains(&x) || !(0..height).contains(&y) {
        return;
    }
    let at = 4 * (y * width + x) as usize;
    for (pixel, ink) in map.data_mut()[at..at + 3].iter_mut().zip(ink) {
        let mixed = u32::from(*pixel) * (255 - u32::from(dark)) + u32::from(ink) * u32::from(dark);
        *pixel = ((mixed + 127) / 255) as u8;
    }
}
