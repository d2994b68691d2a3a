//! Whether a GIF moves, and how many frames it has.

use crate::structure::PictureSize;

/// What a [`GifWalk`] knows so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GifMotion {
    /// Not known yet: push more.
    Undecided,
    /// There is one image at most, and the GIF has ended.
    Still,
    /// There is a second image.
    Animated,
    /// It does not begin as a GIF does.
    NotGif,
}

/// Walks the blocks of a GIF, pushed in pieces of any size, until its second image is found, or
/// [`to_the_end`](Self::to_the_end) to count them all.
///
/// Nothing is decoded and nothing kept: every block says how long it is, so the walk skips from one to the
/// next. It needs a few bytes of state whatever the GIF holds, and every input ends in one of the four
/// answers.
///
/// ```
/// use chunkwise_media::{GifMotion, GifWalk};
/// let mut walk = GifWalk::new();
/// assert_eq!(walk.push(b"GIF89a"), GifMotion::Undecided);
/// // A screen of 1 x 1 without a palette, then the end: not a single image.
/// assert_eq!(walk.push(&[1, 0, 1, 0, 0, 0, 0, 0x3B]), GifMotion::Still);
/// ```
#[derive(Debug, Clone)]
pub struct GifWalk {
    state: State,
    goal: Goal,
    images: u32,
    screen: [u8; 4],
}

/// How far a walk goes.
#[derive(Debug, Clone, Copy)]
enum Goal {
    SecondImage,
    End,
}

/// What the next byte is.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Byte `at` of the signature, the screen descriptor included: 13 bytes, of which the 11th has the
    /// palette's size.
    Header { at: u8, palette: usize },
    /// A byte without meaning for the walk; `left` of them, then `then`.
    Skip { left: usize, then: Landing },
    /// The kind of a block.
    Block,
    /// The label of an extension.
    ExtensionLabel,
    /// The length of a sub-block; 0 ends the series.
    SubBlockLength,
    /// Byte `at` of an image descriptor after its kind: 9 bytes, of which the last has the palette's size.
    Descriptor { at: u8 },
    /// The answer is known.
    Decided(GifMotion),
}

/// Where a skip ends.
#[derive(Debug, Clone, Copy)]
enum Landing {
    Block,
    SubBlockLength,
    LzwCodeSize,
}

const SCREEN: u8 = 6;
const SCREEN_FLAGS: u8 = 10;
const HEADER_LAST: u8 = 12;
const DESCRIPTOR_LAST: u8 = 8;

impl GifWalk {
    /// A walk at the first byte.
    pub const fn new() -> Self {
        Self {
            state: State::Header { at: 0, palette: 0 },
            goal: Goal::SecondImage,
            images: 0,
            screen: [0; 4],
        }
    }

    /// A walk at the first byte that does not stop at the second image but counts them all. It says
    /// [`GifMotion::Undecided`] until the GIF has ended.
    pub const fn to_the_end() -> Self {
        Self { goal: Goal::End, ..Self::new() }
    }

    /// How many images began so far.
    pub const fn frames(&self) -> u32 {
        self.images
    }

    /// The size of the screen that images are put on, once its bytes are there.
    pub fn screen(&self) -> Option<PictureSize> {
        match self.state {
            State::Header { at, .. } if at < SCREEN_FLAGS => None,
            State::Decided(GifMotion::NotGif) => None,
            _ => {
                let [a, b, c, d] = self.screen;
                let (width, height) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
                Some(PictureSize { width: width.into(), height: height.into() })
            }
        }
    }

    /// Whether more bytes would change nothing.
    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.state, State::Decided(_))
    }

    /// Goes on over the next bytes and says what is known now. Once decided, more bytes change nothing.
    pub fn push(&mut self, bytes: &[u8]) -> GifMotion {
        let mut rest = bytes;
        loop {
            match self.state {
                State::Decided(motion) => return motion,
                State::Skip { left, then } => {
                    let Some(tail) = rest.get(left..) else {
                        self.state = State::Skip { left: left.saturating_sub(rest.len()), then };
                        return GifMotion::Undecided;
                    };
                    rest = tail;
                    self.state = then.state();
                }
                State::Header { .. }
                | State::Block
                | State::ExtensionLabel
                | State::SubBlockLength
                | State::Descriptor { .. } => {
                    let Some((&byte, tail)) = rest.split_first() else { return GifMotion::Undecided };
                    rest = tail;
                    self.state = self.step(byte);
                }
            }
        }
    }

    /// What is known so far.
    pub const fn motion(&self) -> GifMotion {
        match self.state {
            State::Decided(motion) => motion,
            State::Header { .. }
            | State::Skip { .. }
            | State::Block
            | State::ExtensionLabel
            | State::SubBlockLength
            | State::Descriptor { .. } => GifMotion::Undecided,
        }
    }

    /// What is known when there are no more bytes: a GIF that was cut off before a second image stands still.
    pub const fn finish(&self) -> GifMotion {
        match self.state {
            State::Decided(motion) => motion,
            State::Header { .. } => GifMotion::NotGif,
            State::Skip { .. }
            | State::Block
            | State::ExtensionLabel
            | State::SubBlockLength
            | State::Descriptor { .. }
                if self.images > 1 =>
            {
                GifMotion::Animated
            }
            State::Skip { .. }
            | State::Block
            | State::ExtensionLabel
            | State::SubBlockLength
            | State::Descriptor { .. } => GifMotion::Still,
        }
    }

    fn step(&mut self, byte: u8) -> State {
        match self.state {
            State::Header { at, palette } => {
                let place = at.checked_sub(SCREEN).and_then(|at| self.screen.get_mut(usize::from(at)));
                place.into_iter().for_each(|place| *place = byte);
                header(at, palette, byte)
            }
            State::Block => match byte {
                b'!' => State::ExtensionLabel,
                b',' => {
                    self.images = self.images.saturating_add(1);
                    match (self.goal, self.images) {
                        (Goal::SecondImage, 2..) => State::Decided(GifMotion::Animated),
                        (Goal::SecondImage | Goal::End, _) => State::Descriptor { at: 0 },
                    }
                }
                // The trailer, or a block no version of GIF knows: what follows can't be walked and isn't
                // shown.
                _ if self.images > 1 => State::Decided(GifMotion::Animated),
                _ => State::Decided(GifMotion::Still),
            },
            State::ExtensionLabel => State::SubBlockLength,
            State::SubBlockLength if byte == 0 => State::Block,
            State::SubBlockLength => State::Skip { left: usize::from(byte), then: Landing::SubBlockLength },
            State::Descriptor { at: DESCRIPTOR_LAST } => {
                State::Skip { left: palette_length(byte), then: Landing::LzwCodeSize }
            }
            State::Descriptor { at } => State::Descriptor { at: at.saturating_add(1) },
            // `push` takes no byte in these.
            State::Skip { .. } | State::Decided(_) => self.state,
        }
    }
}

impl Default for GifWalk {
    fn default() -> Self {
        Self::new()
    }
}

impl Landing {
    const fn state(self) -> State {
        match self {
            Self::Block => State::Block,
            Self::SubBlockLength => State::SubBlockLength,
            Self::LzwCodeSize => State::Skip { left: 1, then: Self::SubBlockLength },
        }
    }
}

fn header(at: u8, palette: usize, byte: u8) -> State {
    let fits = match at {
        0 => byte == b'G',
        1 => byte == b'I',
        2 => byte == b'F',
        3 => byte == b'8',
        4 => byte == b'7' || byte == b'9',
        5 => byte == b'a',
        _ => true,
    };
    let palette = if at == SCREEN_FLAGS { palette_length(byte) } else { palette };
    match at {
        _ if !fits => State::Decided(GifMotion::NotGif),
        HEADER_LAST => State::Skip { left: palette, then: Landing::Block },
        _ => State::Header { at: at.saturating_add(1), palette },
    }
}

/// The bytes of the colour table that the flags of a screen or an image announce: 0, or 3 · 2^(n+1).
const fn palette_length(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 0x07) + 1) }
}
