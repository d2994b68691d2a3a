//! MP4 files made by hand, box by box.

/// A box: size, kind, content.
pub(crate) fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).expect("small");
    [&size.to_be_bytes(), &kind[..], content].concat()
}

/// A box of boxes.
pub(crate) fn boxes(kind: &[u8; 4], contents: &[Vec<u8>]) -> Vec<u8> {
    boxed(kind, &contents.concat())
}

/// 32-bit numbers.
pub(crate) fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// What a file is made of. The default is as X wants it: 2 s of 640x360 at 25 frames a second with AAC-LC.
#[derive(Clone, Debug)]
pub(crate) struct Mp4 {
    pub(crate) ftyp: Vec<u8>,
    pub(crate) timescale: u32,
    pub(crate) frames: u32,
    pub(crate) delta: u32,
    pub(crate) size: (u16, u16),
    pub(crate) matrix: [u32; 4],
    pub(crate) format: [u8; 4],
    /// Boxes in the video's sample entry.
    pub(crate) entry: Vec<Vec<u8>>,
    /// The whole of `stts` and `stsz` in place of the right ones.
    pub(crate) stts: Option<Vec<u8>>,
    pub(crate) stsz: Option<Vec<u8>>,
    pub(crate) edits: Option<Vec<u8>>,
    pub(crate) audio: Option<Audio>,
    /// Boxes at the end of `moov`.
    pub(crate) more: Vec<Vec<u8>>,
    pub(crate) video: bool,
    pub(crate) index_last: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Audio {
    pub(crate) format: [u8; 4],
    pub(crate) channels: u16,
    /// The audio specific configuration.
    pub(crate) config: Vec<u8>,
    pub(crate) seconds: u32,
}

pub(crate) const UPRIGHT: [u32; 4] = [0x1_0000, 0, 0, 0x1_0000];
pub(crate) const QUARTER: [u32; 4] = [0, 0x1_0000, 0xFFFF_0000, 0];

impl Default for Mp4 {
    fn default() -> Self {
        Self {
            ftyp: boxed(b"ftyp", b"isom\0\0\x02\0isomiso2avc1mp41"),
            timescale: 12_800,
            frames: 50,
            delta: 512,
            size: (640, 360),
            matrix: UPRIGHT,
            format: *b"avc1",
            entry: vec![avcc(&sps(100, 1, 8, true))],
            stts: None,
            stsz: None,
            edits: None,
            // Object type 2, 44,100 Hz, two channels.
            audio: Some(Audio { format: *b"mp4a", channels: 2, config: vec![0x12, 0x10], seconds: 2 }),
            more: Vec::new(),
            video: true,
            index_last: false,
        }
    }
}

impl Mp4 {
    pub(crate) fn made(&self) -> Vec<u8> {
        let data = boxed(b"mdat", &[0xAB; 400]);
        let index_length = self.index(0).len();
        if self.index_last {
            let at = self.ftyp.len() + 8;
            return [self.ftyp.clone(), data, self.index(at)].concat();
        }
        let at = self.ftyp.len() + index_length + 8;
        [self.ftyp.clone(), self.index(at), data].concat()
    }

    /// `moov`, with the samples from there on.
    pub(crate) fn index(&self, at: usize) -> Vec<u8> {
        let at = u32::try_from(at).expect("small");
        let mut contents = vec![boxed(b"mvhd", &[words(&[0, 0, 0, 1000, 2000]), vec![0; 80]].concat())];
        contents.extend(self.video.then(|| self.video_track(at)));
        contents.extend(self.audio.as_ref().map(|audio| audio.track(at + 200)));
        contents.extend(self.more.clone());
        boxes(b"moov", &contents)
    }

    fn video_track(&self, at: u32) -> Vec<u8> {
        let stts = self.stts.clone().unwrap_or_else(|| words(&[0, 1, self.frames, self.delta]));
        let stsz = self
            .stsz
            .clone()
            .unwrap_or_else(|| [words(&[0, 0, self.frames]), words(&vec![4; self.frames as usize])].concat());
        let (width, height) = self.size;
        let mut entry = vec![0; 6];
        entry.extend([0, 1]);
        entry.extend([0; 16]);
        entry.extend(width.to_be_bytes());
        entry.extend(height.to_be_bytes());
        entry.extend(words(&[0x48_0000, 0x48_0000, 0]));
        entry.extend([0, 1]);
        entry.extend([0; 32]);
        entry.extend([0, 24, 0xFF, 0xFF]);
        entry.extend(self.entry.concat());
        let tables = vec![
            boxed(b"stsd", &[words(&[0, 1]), boxed(&self.format, &entry)].concat()),
            boxed(b"stts", &stts),
            boxed(b"stsz", &stsz),
            boxed(b"stsc", &words(&[0, 1, 1, self.frames, 1])),
            boxed(b"stco", &words(&[0, 1, at])),
        ];
        let ticks = self.frames.saturating_mul(self.delta);
        let media = boxes(
            b"mdia",
            &[
                boxed(b"mdhd", &words(&[0, 0, 0, self.timescale, ticks, 0])),
                boxed(b"hdlr", &[&words(&[0, 0]), &b"vide"[..], &[0; 13]].concat()),
                boxes(b"minf", &[boxed(b"vmhd", &[0; 12]), boxes(b"stbl", &tables)]),
            ],
        );
        let [a, b, c, d] = self.matrix;
        let header = [
            words(&[7, 0, 0, 1, 0, 2000]),
            vec![0; 16],
            words(&[a, b, 0, c, d, 0, 0, 0, 0x4000_0000, u32::from(width) << 16, u32::from(height) << 16]),
        ];
        let mut contents = vec![boxed(b"tkhd", &header.concat())];
        contents.extend(self.edits.as_ref().map(|edits| boxes(b"edts", &[boxed(b"elst", edits)])));
        contents.push(media);
        boxes(b"trak", &contents)
    }
}

impl Audio {
    fn track(&self, at: u32) -> Vec<u8> {
        let config = [&[5, self.config.len() as u8], &self.config[..]].concat();
        let decoder = [&[4, (13 + config.len()) as u8, 0x40, 0x15], &[0; 11][..], &config].concat();
        let stream = [&[3, (3 + decoder.len()) as u8, 0, 1, 0], &decoder[..]].concat();
        let mut entry = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        entry.extend(self.channels.to_be_bytes());
        entry.extend([0, 16, 0, 0, 0, 0]);
        entry.extend(words(&[44_100 << 16]));
        if &self.format == b"mp4a" {
            entry.extend(boxed(b"esds", &[vec![0; 4], stream].concat()));
        }
        let frames = self.seconds * 44_100 / 1024;
        let tables = [
            boxed(b"stsd", &[words(&[0, 1]), boxed(&self.format, &entry)].concat()),
            boxed(b"stts", &words(&[0, 1, frames, 1024])),
            boxed(b"stsz", &words(&[0, 2, frames])),
            boxed(b"stco", &words(&[0, 1, at])),
        ];
        let media = [
            boxed(b"mdhd", &words(&[0, 0, 0, 44_100, self.seconds * 44_100, 0])),
            boxed(b"hdlr", &[&words(&[0, 0]), &b"soun"[..], &[0; 13]].concat()),
            boxes(b"minf", &[boxes(b"stbl", &tables)]),
        ];
        boxes(b"trak", &[boxed(b"tkhd", &[words(&[7]), vec![0; 80]].concat()), boxes(b"mdia", &media)])
    }
}

pub(crate) fn avcc(sps: &[u8]) -> Vec<u8> {
    let length = (sps.len() as u16).to_be_bytes();
    boxed(b"avcC", &[&[1, sps[1], 0, sps[3], 0xFF, 0xE1][..], &length, sps, &[1, 0, 1, 0x68]].concat())
}

/// A parameter set of H.264 for 640x360, with a scaling list and every field a high profile has.
pub(crate) fn sps(profile: u8, chroma: u32, bit_depth: u32, progressive: bool) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.golomb(0);
    if [100, 110, 122, 244].contains(&profile) {
        bits.golomb(chroma);
        if chroma == 3 {
            bits.fixed(0, 1);
        }
        bits.golomb(bit_depth - 8);
        bits.golomb(bit_depth - 8);
        bits.fixed(0, 1);
        bits.fixed(1, 1);
        // The first list is there and ends at once: a delta of -8.
        bits.fixed(1, 1);
        bits.golomb(16);
        bits.fixed(0, if chroma == 3 { 11 } else { 7 });
    }
    bits.golomb(0);
    // The order of pictures is told by a cycle of two.
    bits.golomb(1);
    bits.fixed(0, 1);
    bits.golomb(0);
    bits.golomb(0);
    bits.golomb(2);
    bits.golomb(3);
    bits.golomb(4);
    bits.golomb(4);
    bits.fixed(0, 1);
    bits.golomb(39);
    bits.golomb(22);
    bits.fixed(progressive.into(), 1);
    bits.fixed(1, 3);
    let payload: Vec<u8> = bits
        .0
        .chunks(8)
        .map(|byte| byte.iter().fold(0, |sum, &bit| sum << 1 | bit) << (8 - byte.len()))
        .collect();
    let mut nal = vec![0x67, profile, 0, 31];
    for byte in payload {
        if byte <= 3 && nal.ends_with(&[0, 0]) {
            nal.push(3);
        }
        nal.push(byte);
    }
    nal
}

#[derive(Default)]
struct Bits(Vec<u8>);

impl Bits {
    fn fixed(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).rev().map(|bit| (value >> bit & 1) as u8));
    }

    fn golomb(&mut self, value: u32) {
        let length = 32 - (value + 1).leading_zeros();
        self.fixed(0, length - 1);
        self.fixed(value + 1, length);
    }
}
