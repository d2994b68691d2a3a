//! A file to upload.
#![expect(unreachable_pub, reason = "a module of examples, shared by path")]

use std::io::{self, Write as _};

use tempfile::NamedTempFile;

/// A file that begins like an MP4 and has this many bytes.
pub fn clip(size: u32) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().suffix(".mp4").tempfile()?;
    let ftyp = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";
    file.write_all(ftyp)?;
    file.write_all(&(size - ftyp.len() as u32).to_be_bytes())?;
    file.write_all(b"mdat")?;
    let body: Vec<u8> =
        (ftyp.len() as u32 + 8..size).map(|i| (i.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
    file.write_all(&body)?;
    file.flush()?;
    Ok(file)
}
