//! The line plot: rate over segments in flight, a line for each chunk size.

use chunkwise::ChunkSize;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{BOX, CHOSEN, INK, PALE, TITLES, Titles, Undrawn, colour, font};
use crate::bench::report::{Report, megabytes};
use crate::bench::setting::exact_size;
use crate::values::Window;

/// With room for seven chunk sizes; it grows with more.
const SIZE: (u32, u32) = (880, 500);
/// A chunk size in the legend.
const ENTRY: i32 = 46;
/// The plot is so wide; the legend has the rest.
const PLOT: u32 = 670;

/// A chunk size with its points: in flight, bytes per second.
struct Line {
    chunk: ChunkSize,
    points: Vec<(f64, f64)>,
    adaptive: Option<f64>,
}

/// Draws the plot as SVG.
///
/// # Errors
///
/// What the drawing library says.
pub(in crate::bench) fn lines(report: &Report<'_>) -> Result<String, Undrawn> {
    let lines = of(report);
    let points = || lines.iter().flat_map(|line| &line.points);
    let mut lanes: Vec<f64> = points().map(|(lanes, _)| *lanes).collect();
    lanes.sort_unstable_by(f64::total_cmp);
    lanes.dedup();
    let all_rates = points().map(|(_, rate)| *rate).chain(lines.iter().filter_map(|line| line.adaptive));
    let most = all_rates.fold(0.0, f64::max).max(1.0) / 1e6 * 1.08;
    let ends = (lanes.first().copied().unwrap_or(1.0), lanes.last().copied().unwrap_or(1.0));
    let legend_height = TITLES + 90 + ENTRY.unsigned_abs() * u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let titles = Titles::of("Transfer rate by segments in flight", report);
    let size = (SIZE.0.max(titles.width()), SIZE.1.max(legend_height));
    let mut svg = String::new();
    {
        let canvas = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        canvas.fill(&WHITE)?;
        titles.draw(&canvas)?;
        let (_, below) = canvas.split_vertically(TITLES);
        let (plot, legend) = below.split_horizontally(PLOT);
        let x = (ends.0 * 0.9..ends.1 * 1.1).log_scale().base(2.0).with_key_points(lanes);
        let mut chart = ChartBuilder::on(&plot)
            .margin(12)
            .x_label_area_size(52)
            .y_label_area_size(76)
            .build_cartesian_2d(x, 0.0..most)?;
        let label = font(14.0, &INK, (HPos::Left, VPos::Top));
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(RGBColor(0xdd, 0xe0, 0xe4))
            .light_line_style(TRANSPARENT)
            .axis_style(PALE)
            .label_style(("sans-serif", 14.0 * BOX).into_font().color(&INK))
            .axis_desc_style(("sans-serif", 14.0 * BOX).into_font().color(&PALE))
            .x_desc("segments in flight")
            .y_desc("MB/s")
            .y_labels(8)
            .x_label_formatter(&|lanes| format!("{lanes:.0}"))
            .y_label_formatter(&|rate| if most < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") })
            .draw()?;
        for (n, line) in lines.iter().enumerate() {
            let colour = colour::line(n);
            let points = line.points.iter().map(|(lanes, rate)| (*lanes, rate / 1e6));
            chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(3)))?;
            chart.draw_series(points.map(|point| Circle::new(point, 5, colour.filled())))?;
            let y = 36 + ENTRY * n as i32;
            legend.draw(&Rectangle::new([(6, y - 2), (30, y + 1)], colour.filled()))?;
            legend.draw(&Circle::new((18, y), 5, colour.filled()))?;
            let place = (HPos::Left, VPos::Center);
            legend.draw(&Text::new(exact_size(line.chunk.bytes()), (40, y), font(14.0, &INK, place)))?;
            if let Some(rate) = line.adaptive {
                let text = format!("adaptive: {} MB/s", megabytes(rate));
                legend.draw(&Text::new(text, (40, y + 18), font(13.0, &PALE, place)))?;
            }
        }
        legend.draw(&Text::new("chunk size", (6, 4), label))?;
        if let Some(found) = report.recommended
            && let Window::Fixed(lanes) = found.setting.window
        {
            let point = (f64::from(lanes.get()), found.summary.rate / 1e6);
            chart.draw_series([Circle::new(point, 10, CHOSEN.stroke_width(3))])?;
            let y = 36 + ENTRY * lines.len() as i32;
            legend.draw(&Circle::new((18, y), 10, CHOSEN.stroke_width(3)))?;
            let style = font(14.0, &INK, (HPos::Left, VPos::Center));
            legend.draw(&Text::new("recommended", (40, y), style))?;
        }
        canvas.present()?;
    }
    Ok(svg)
}

fn of(report: &Report<'_>) -> Vec<Line> {
    let mut lines = Vec::<Line>::new();
    for cell in &report.sweep.cells {
        let Some(summary) = cell.summary(report.sweep.size) else { continue };
        let chunk = cell.setting.chunk;
        if lines.last().is_none_or(|line| line.chunk != chunk) {
            lines.push(Line { chunk, points: Vec::new(), adaptive: None });
        }
        let Some(line) = lines.last_mut() else { continue };
        match cell.setting.window {
            Window::Fixed(lanes) => line.points.push((f64::from(lanes.get()), summary.rate)),
            Window::Adaptive(_) => line.adaptive = Some(summary.rate),
        }
    }
    lines
}
