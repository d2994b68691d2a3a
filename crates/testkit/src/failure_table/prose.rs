//! What stands around the tables.
use super::family::{Ends, Family};
use super::{Chapter, Unfit};
use crate::model::Model;

pub(super) const CHAPTERS: [Chapter; 3] = [
    Chapter {
        name: "Like X",
        model: Model::Parts,
        about: "Numbered segments.",
        variants: &[
            ("Like X, mute", Model::PartsMute, ""),
            ("Like X, blind", Model::PartsBlind, ""),
            ("Like X, uniform", Model::PartsUniform, ""),
        ],
    },
    Chapter { name: "Like S3", model: Model::Listed, about: "", variants: &[] },
    Chapter {
        name: "Like tus",
        model: Model::AppendPrefix,
        about: "",
        variants: &[("Like tus, atomic", Model::AppendAtomic, "")],
    },
];
pub(super) fn beginning() -> String {
    String::new()
}
pub(super) fn questions(_: &[(&Chapter, Family)]) -> Result<String, Unfit> {
    Ok(String::new())
}
pub(super) fn ends(ends: &Ends) -> String {
    format!("{:#?}", ends.0)
}
