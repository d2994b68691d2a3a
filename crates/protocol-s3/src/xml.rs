//! XML as S3 answers it: elements, text, no attributes that matter. Bounded and total.

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

/// The deepest nesting that is read; S3's answers have four levels.
const MAX_DEPTH: usize = 16;

/// An element: its name without a prefix, its text, and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Self>,
}

impl Element {
    /// The root element of a body; nothing if that is not well-formed XML. Blanks before it are none of it: S3 sends
    /// them to keep a connection alive.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?.trim_start();
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        loop {
            let closed = match reader.read_event().ok()? {
                Event::Start(tag) if open.len() < MAX_DEPTH => {
                    open.push(Self::named(tag.local_name().as_ref()));
                    None
                }
                Event::Start(_) | Event::Eof => return None,
                Event::Empty(tag) => Some(Self::named(tag.local_name().as_ref())),
                Event::End(_) => Some(open.pop()?),
                Event::Text(text) => hear(&mut open, &text.xml_content(XmlVersion::Implicit1_0)),
                Event::CData(text) => hear(&mut open, &text.xml_content(XmlVersion::Implicit1_0)),
                Event::GeneralRef(reference) => {
                    let of = open.last_mut()?;
                    match reference.resolve_char_ref().ok()? {
                        Some(character) => of.text.push(character),
                        None => of.text.push_str(resolve_xml_entity(&reference.into_inner())?),
                    }
                    None
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => None,
            };
            let Some(element) = closed else { continue };
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => return Some(element),
            }
        }
    }

    fn named(name: &(impl AsRef<[u8]> + ?Sized)) -> Self {
        Self { name: String::from_utf8_lossy(name.as_ref()).into_owned(), ..Self::default() }
    }

    /// The text of the first child with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.children.iter().find(|child| child.name == name).map(|child| child.text.as_str())
    }

    /// Every child with this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// Adds a text to the element that is open; outside of all there are only blanks. Nothing closes.
fn hear(open: &mut [Element], text: &str) -> Option<Element> {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_texts_and_references_are_read() {
        let body = b"  \n<?xml version=\"1.0\"?>\n<s:A xmlns:s=\"urn:x\"><B>a&amp;b&#x26;c<![CDATA[<d>]]></B><C/><B>2</B></s:A>";
        let root = Element::read(body).unwrap();
        assert_eq!((root.name.as_str(), root.get("B"), root.get("C")), ("A", Some("a&b&c<d>"), Some("")));
        assert_eq!(root.all("B").count(), 2);
    }

    #[test]
    fn what_is_no_whole_document_is_nothing() {
        let deep = "<a>".repeat(10_000);
        for body in ["", "   ", "{}", "<a>", "<a></b>", "<a>&x;</a>", "</a>", "<a><b></a></b>", &deep] {
            assert_eq!(Element::read(body.as_bytes()), None, "{}", &body[..body.len().min(20)]);
        }
        assert_eq!(Element::read(b"<a>\xff</a>"), None);
    }
}
