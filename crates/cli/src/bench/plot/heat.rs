//! The heat map: chunk size by segments in flight.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::colour::{readable_on, scale};
use super::{CHOSEN, Canvas, INK, PALE, TITLES, Titles, Undrawn, font};
use crate::bench::cell::{Cell, State};
use crate::bench::recommend::percent;
use crate::bench::report::{Report, megabytes};
use crate::bench::setting::exact_size;
use crate::values::Window;

/// A setting's rectangle.
const CELL: (i32, i32) = (92, 62);
/// What is left of and above the map: chunk sizes, titles.
const MARGIN: (i32, i32) = (112, TITLES as i32 + 24);
/// What is below it: numbers in flight, and what they are.
const BELOW: i32 = 72;
/// What is right of it: the scale of colours.
const BESIDE: i32 = 140;

/// Draws the map as SVG: a rectangle for every setting, its rate in it, the recommended one framed.
///
/// # Errors
///
/// What the drawing library says.
pub(in crate::bench) fn heat(report: &Report<'_>) -> Result<String, Undrawn> {
    let Report { sweep, recommended, .. } = report;
    let mut chunks: Vec<_> = sweep.cells.iter().map(|cell| cell.setting.chunk).collect();
    chunks.dedup();
    let first = chunks.first().copied();
    let windows: Vec<_> = sweep
        .cells
        .iter()
        .filter(|cell| Some(cell.setting.chunk) == first)
        .map(|cell| cell.setting.window)
        .collect();
    let (columns, rows) = (windows.len() as i32, chunks.len() as i32);
    let titles = Titles::of("Transfer rate in MB/s", report);
    let width = (MARGIN.0 + columns * CELL.0 + BESIDE).unsigned_abs().max(titles.width());
    let height = MARGIN.1 + rows.max(3) * CELL.1 + BELOW;
    let mut svg = String::new();
    {
        let canvas = SVGBackend::with_string(&mut svg, (width, height.unsigned_abs())).into_drawing_area();
        canvas.fill(&WHITE)?;
        titles.draw(&canvas)?;
        let summaries = sweep.cells.iter().filter_map(|cell| cell.summary(sweep.size));
        let range = summaries.fold((f64::INFINITY, 0.0_f64), |(least, most), summary| {
            (least.min(summary.rate), most.max(summary.rate))
        });
        // The largest chunk size on top.
        for (row, chunk) in chunks.iter().rev().enumerate() {
            let middle = MARGIN.1 + row as i32 * CELL.1 + CELL.1 / 2;
            let style = font(15.0, &INK, (HPos::Right, VPos::Center));
            canvas.draw(&Text::new(exact_size(chunk.bytes()), (MARGIN.0 - 12, middle), style))?;
            for (column, window) in windows.iter().enumerate() {
                let at = (MARGIN.0 + column as i32 * CELL.0, MARGIN.1 + row as i32 * CELL.1);
                let cell = sweep
                    .cells
                    .iter()
                    .find(|cell| cell.setting.chunk == *chunk && cell.setting.window == *window);
                if let Some(cell) = cell {
                    draw_cell(&canvas, cell, sweep.size, at, range)?;
                }
            }
        }
        if let Some(found) = recommended {
            let column = windows.iter().position(|window| *window == found.setting.window);
            let row = chunks.iter().rev().position(|chunk| *chunk == found.setting.chunk);
            if let Some((column, row)) = column.zip(row) {
                let at = (MARGIN.0 + column as i32 * CELL.0, MARGIN.1 + row as i32 * CELL.1);
                let (left, right) = (at.0 + 1, at.0 + CELL.0 - 3);
                let (top, bottom) = (at.1 + 1, at.1 + CELL.1 - 3);
                let corners = vec![
                    (left, top),
                    (right, top),
                    (right, bottom),
                    (left, bottom),
                    (left, top),
                    (right, top),
                ];
                canvas.draw(&PathElement::new(corners, CHOSEN.stroke_width(4)))?;
            }
        }
        below(&canvas, &windows, MARGIN.1 + rows * CELL.1)?;
        let centre = font(14.0, &PALE, (HPos::Left, VPos::Bottom));
        canvas.draw(&Text::new("chunk size", (24, MARGIN.1 - 4), centre))?;
        if range.0 <= range.1 {
            beside(&canvas, MARGIN.0 + columns * CELL.0 + 36, rows.max(3) * CELL.1, range)?;
        }
        canvas.present()?;
    }
    Ok(svg)
}

fn draw_cell(
    canvas: &Canvas<'_>,
    cell: &Cell,
    size: u64,
    (x, y): (i32, i32),
    (least, most): (f64, f64),
) -> Result<(), Undrawn> {
    let summary = cell.summary(size);
    let (colour, large, small) = match (summary, &cell.state) {
        (Some(summary), _) => {
            // Where all are alike all are the best.
            let part = if most > least { (summary.rate - least) / (most - least) } else { 1.0 };
            (scale(part), megabytes(summary.rate), format!("± {}", percent(summary.spread / 2.0)))
        }
        (None, State::Failed { .. }) => (RGBColor(0xe3, 0xc8, 0xc8), "failed".to_owned(), String::new()),
        (None, State::Unplannable(why)) => {
            (RGBColor(0xe6, 0xe8, 0xeb), "–".to_owned(), why.short().to_owned())
        }
        (None, State::Goes { .. }) => (RGBColor(0xe6, 0xe8, 0xeb), "–".to_owned(), String::new()),
    };
    canvas.draw(&Rectangle::new([(x, y), (x + CELL.0 - 2, y + CELL.1 - 2)], colour.filled()))?;
    let (ink, middle) = (readable_on(colour), (x + CELL.0 / 2 - 1, y + CELL.1 / 2 - 1));
    let place = (HPos::Center, VPos::Center);
    canvas.draw(&Text::new(large, (middle.0, middle.1 - 9), font(18.0, &ink, place)))?;
    canvas.draw(&Text::new(small, (middle.0, middle.1 + 13), font(13.0, &ink, place)))?;
    Ok(())
}

/// The numbers in flight.
fn below(canvas: &Canvas<'_>, windows: &[Window], y: i32) -> Result<(), Undrawn> {
    let top = (HPos::Center, VPos::Top);
    for (column, window) in windows.iter().enumerate() {
        let x = MARGIN.0 + column as i32 * CELL.0 + CELL.0 / 2;
        let label = match window {
            Window::Fixed(lanes) => lanes.to_string(),
            Window::Adaptive(_) => "adaptive".to_owned(),
        };
        canvas.draw(&Text::new(label, (x, y + 8), font(15.0, &INK, top)))?;
    }
    let middle = MARGIN.0 + windows.len() as i32 * CELL.0 / 2;
    canvas.draw(&Text::new("segments in flight", (middle, y + 36), font(14.0, &PALE, top)))?;
    Ok(())
}

/// The scale of colours with its two ends and its middle.
fn beside(canvas: &Canvas<'_>, x: i32, height: i32, (least, most): (f64, f64)) -> Result<(), Undrawn> {
    const WIDTH: i32 = 18;
    let (top, height) = (MARGIN.1, height - 2);
    for y in (0..height).step_by(4) {
        let colour = scale(1.0 - f64::from(y) / f64::from(height));
        let end = (y + 4).min(height);
        canvas.draw(&Rectangle::new([(x, top + y), (x + WIDTH, top + end)], colour.filled()))?;
    }
    let (left, labels) = (
        x + WIDTH + 8,
        [
            (0, VPos::Top, most),
            (height / 2, VPos::Center, (least + most) / 2.0),
            (height, VPos::Bottom, least),
        ],
    );
    for (y, place, rate) in labels {
        canvas.draw(&Text::new(megabytes(rate), (left, top + y), font(14.0, &INK, (HPos::Left, place))))?;
    }
    canvas.draw(&Text::new("MB/s", (x, top - 4), font(14.0, &PALE, (HPos::Left, VPos::Bottom))))?;
    Ok(())
}
