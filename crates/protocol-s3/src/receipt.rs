//! Receipts: what Complete wants back of every part.

use chunkwise_core::Receipt;
use quick_xml::escape::escape;

use crate::Checksum;

/// The longest ETag that is kept, in bytes; S3's have 34.
const MAX_ETAG: usize = 256;

/// An ETag, and the checksum if the store told one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartReceipt<'a> {
    etag: &'a str,
    checksum: Option<&'a str>,
}

impl<'a> PartReceipt<'a> {
    /// From what a store said; nothing without an ETag that can be one. A checksum that can't be one was not said.
    pub(crate) fn said(
        etag: Option<&'a str>,
        checksum: Option<&'a str>,
        of: Option<Checksum>,
    ) -> Option<Self> {
        let etag = etag.filter(|etag| !etag.is_empty() && etag.len() <= MAX_ETAG)?;
        if etag.chars().any(char::is_control) {
            return None;
        }
        let checksum = checksum.zip(of).filter(|(text, of)| of.is_one(text)).map(|(text, _)| text);
        Some(Self { etag, checksum })
    }

    /// As it is kept: the ETag, and behind a line feed the checksum.
    pub(crate) fn keep(&self) -> Receipt {
        let checksum = self.checksum.map_or_else(String::new, |checksum| format!("\n{checksum}"));
        Receipt::new(format!("{}{checksum}", self.etag))
    }

    /// What was kept; nothing if it is not one of ours.
    pub(crate) fn kept(receipt: &'a Receipt, of: Option<Checksum>) -> Option<Self> {
        let text = std::str::from_utf8(receipt.as_bytes()).ok()?;
        let (etag, checksum) = match text.split_once('\n') {
            Some((etag, checksum)) => (etag, Some(checksum)),
            None => (text, None),
        };
        Self::said(Some(etag), checksum, of)
    }

    /// As Complete lists it.
    pub(crate) fn write(&self, number: u32, of: Option<Checksum>, out: &mut String) {
        let element = |name: &str, text: &str| format!("<{name}>{}</{name}>", escape(text));
        out.push_str("<Part>");
        out.push_str(&element("PartNumber", &number.to_string()));
        out.push_str(&element("ETag", self.etag));
        if let (Some(checksum), Some(of)) = (self.checksum, of) {
            out.push_str(&element(of.element(), checksum));
        }
        out.push_str("</Part>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_comes_back_as_it_was_kept() {
        let of = Some(Checksum::Crc32c);
        for (etag, checksum) in [("\"a\"", Some("4waSgw==")), ("\"a\"", None)] {
            let said = PartReceipt::said(Some(etag), checksum, of).unwrap();
            assert_eq!(PartReceipt::kept(&said.keep(), of), Some(said));
        }
    }

    #[test]
    fn what_a_store_says_goes_escaped_or_not_at_all() {
        let of = Some(Checksum::Crc32c);
        let said = PartReceipt::said(Some("\"<&\""), Some("<x>"), of).unwrap();
        let mut out = String::new();
        said.write(3, of, &mut out);
        assert_eq!(out, "<Part><PartNumber>3</PartNumber><ETag>&quot;&lt;&amp;&quot;</ETag></Part>");
        let long = "e".repeat(MAX_ETAG + 1);
        for bad in [None, Some(""), Some("a\nb"), Some(long.as_str())] {
            assert_eq!(PartReceipt::said(bad, None, of), None);
        }
        assert_eq!(PartReceipt::kept(&Receipt::new(&b"\xff"[..]), of), None);
    }
}
