//! The two plots.

mod colour;
mod heat;
mod lines;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub(super) use heat::heat;
pub(super) use lines::lines;

/// Why a plot could not be drawn: text, for that is all there is to do with it.
pub(super) type Undrawn = Box<dyn std::error::Error + Send + Sync>;

/// Where an SVG is drawn.
type Canvas<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

const INK: RGBColor = RGBColor(0x22, 0x26, 0x2b);
/// What is recommended.
const CHOSEN: RGBColor = RGBColor(0xd6, 0x27, 0x28);
const PALE: RGBColor = RGBColor(0x5b, 0x63, 0x6e);

/// A text of this height and colour.
fn font(height: f64, colour: &RGBColor, (h, v): (HPos, VPos)) -> TextStyle<'static> {
    ("sans-serif", height).into_font().color(colour).pos(Pos::new(h, v))
}

/// Title and subtitle at the top left.
fn titles(canvas: &Canvas<'_>, title: &str, subtitle: &str) -> Result<(), Undrawn> {
    let at = (HPos::Left, VPos::Top);
    canvas.draw(&Text::new(title.to_owned(), (24, 16), font(19.0, &INK, at)))?;
    canvas.draw(&Text::new(subtitle.to_owned(), (24, 43), font(14.0, &PALE, at)))?;
    Ok(())
}

/// As much of a text as has room.
fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
