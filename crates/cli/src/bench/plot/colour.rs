//! Colours: a scale from little to much, and some that can be told apart.

use plotters::style::RGBColor;

/// Dark blue over green to yellow: as bright as there is much, also for who sees no colours.
const SCALE: [(u8, u8, u8); 5] = [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)];

/// The colour of a part between 0 and 1; what is no number is nothing.
pub(super) fn scale(part: f64) -> RGBColor {
    let part = if part > 0.0 { part.min(1.0) } else { 0.0 };
    let place = part * (SCALE.len() - 1) as f64;
    let stop = |n: f64| SCALE.get(n as usize).copied().unwrap_or_default();
    let ((r0, g0, b0), (r1, g1, b1), part) = (stop(place.floor()), stop(place.ceil()), place.fract());
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    RGBColor(mix(r0, r1), mix(g0, g1), mix(b0, b1))
}

/// Black or white, whichever can be read on it.
pub(super) fn readable_on(colour: RGBColor) -> RGBColor {
    let RGBColor(r, g, b) = colour;
    let bright = 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
    if bright > 120.0 { super::INK } else { RGBColor(255, 255, 255) }
}

/// The n-th line's.
pub(super) fn line(n: usize) -> RGBColor {
    const LINES: [RGBColor; 8] = [
        RGBColor(0x33, 0x22, 0x88),
        RGBColor(0x88, 0xcc, 0xee),
        RGBColor(0x11, 0x77, 0x33),
        RGBColor(0xcc, 0x66, 0x77),
        RGBColor(0xdd, 0xaa, 0x33),
        RGBColor(0xaa, 0x44, 0x99),
        RGBColor(0x44, 0xaa, 0x99),
        RGBColor(0x88, 0x22, 0x55),
    ];
    LINES.get(n % LINES.len()).copied().unwrap_or(super::INK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_has_two_ends_and_nothing_beyond() {
        assert_eq!((scale(-1.0), scale(0.0)), (RGBColor(68, 1, 84), RGBColor(68, 1, 84)));
        assert_eq!((scale(1.0), scale(7.0)), (RGBColor(253, 231, 37), RGBColor(253, 231, 37)));
        assert_eq!(scale(0.125), RGBColor(64, 42, 112));
        assert_eq!(scale(f64::NAN), RGBColor(68, 1, 84));
        assert_eq!(
            (readable_on(scale(0.0)), readable_on(scale(1.0))),
            (RGBColor(255, 255, 255), super::super::INK)
        );
    }
}
