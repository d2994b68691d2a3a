//! The two plots.

mod colour;
mod heat;
mod lines;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub(super) use heat::heat;
pub(super) use lines::lines;

use super::report::Report;
use super::setting::exact_size;

/// Why a plot could not be drawn: text, for that is all there is to do with it.
pub(super) type Undrawn = Box<dyn std::error::Error + Send + Sync>;

/// Where an SVG is drawn.
type Canvas<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

const INK: RGBColor = RGBColor(0x22, 0x26, 0x2b);
/// What is recommended.
const CHOSEN: RGBColor = RGBColor(0xd6, 0x27, 0x28);
const PALE: RGBColor = RGBColor(0x5b, 0x63, 0x6e);

/// The height of a letter's box in pixels of font size; the library counts the former.
const BOX: f64 = 1.24;

/// A text of this font size in pixels, and of this colour.
fn font(size: f64, colour: &RGBColor, (h, v): (HPos, VPos)) -> TextStyle<'static> {
    ("sans-serif", size * BOX).into_font().color(colour).pos(Pos::new(h, v))
}

/// What the titles take of the height, in pixels.
const TITLES: u32 = 92;

/// A title and two lines below it, at the top left.
struct Titles {
    title: &'static str,
    lines: [String; 2],
}

impl Titles {
    fn of(title: &'static str, report: &Report<'_>) -> Self {
        let Report { sweep, recommended, target, .. } = report;
        let mut how = format!("{} each time, median of {} rounds", exact_size(sweep.size), sweep.rounds);
        if recommended.is_some() {
            how.push_str("; in red: recommended");
        }
        Self { title, lines: [clipped(target, 150), how] }
    }

    /// How wide the picture has to be for them, in pixels.
    fn width(&self) -> u32 {
        let longest = self.lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        48 + 8 * u32::try_from(longest).unwrap_or(0)
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Result<(), Undrawn> {
        let at = (HPos::Left, VPos::Top);
        canvas.draw(&Text::new(self.title, (24, 16), font(19.0, &INK, at)))?;
        for (line, y) in self.lines.iter().zip([43, 63]) {
            canvas.draw(&Text::new(line.clone(), (24, y), font(14.0, &PALE, at)))?;
        }
        Ok(())
    }
}

/// As much of a text as has room.
fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cell::tests::cell;
    use super::super::cell::{Cell, State};
    use super::super::recommend::recommend;
    use super::super::speaks::Speaks;
    use super::super::sweep::{Ended, Sweep};
    use super::*;
    use crate::exit::Exit;

    /// Both plots of these cells.
    fn drawn(cells: Vec<Cell>, target: &str) -> [String; 2] {
        let size = 8 << 20;
        let sweep = Sweep { speaks: Speaks::X, size, rounds: 1, cells, ended: Ended::Complete };
        let recommended = recommend(&sweep, size);
        let report = Report {
            target,
            sweep: &sweep,
            meant_for: size,
            recommended: recommended.as_ref(),
            command: "chunkwise upload",
            left: &[],
            exit: Exit::Ok,
        };
        [heat(&report).unwrap(), lines(&report).unwrap()]
    }

    fn parsed(svg: &str) -> Vec<String> {
        let document = roxmltree::Document::parse(svg).unwrap();
        document.descendants().filter_map(|node| node.text()).map(|text| text.trim().to_owned()).collect()
    }

    #[test]
    fn one_setting_alike_settings_and_none_can_be_drawn() {
        let failed = || State::Failed { exit: Exit::Temporary, reason: "no".to_owned() };
        let one = || cell(1 << 20, "4", 8 << 20, &[5e6]);
        for cells in [
            vec![one()],
            vec![one(), cell(2 << 20, "4", 8 << 20, &[5e6])],
            vec![Cell { state: failed(), ..one() }],
            vec![cell(4096, "4", 8 << 20, &[]), cell(4096, "adaptive:4", 8 << 20, &[])],
            (1..40).map(|n| cell(n << 16, "256", 8 << 20, &[n as f64 * 1e9])).collect(),
        ] {
            let [heat, lines] = drawn(cells, "here").map(|svg| parsed(&svg));
            assert!(heat.contains(&"segments in flight".to_owned()), "{heat:?}");
            assert!(lines.contains(&"segments in flight".to_owned()), "{lines:?}");
        }
    }

    #[test]
    fn what_a_url_holds_is_text_and_a_long_one_is_cut() {
        let target = format!("http://a.example/<svg>&\"{}", "x".repeat(500));
        for svg in drawn(vec![cell(1 << 20, "4", 8 << 20, &[5e6])], &target) {
            let texts = parsed(&svg);
            let told = texts.iter().find(|text| text.starts_with("http://a.example/<svg>&\"xxx")).unwrap();
            assert!(told.ends_with('…') && told.chars().count() == 150, "{told}");
        }
    }
}
