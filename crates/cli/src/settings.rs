//! Flags, environment and settings file, in this order: the first that says something counts, each by the same name.
//!
//! A flag `--chunk-size` is `CHUNKWISE_CHUNK_SIZE` in the environment and `chunk-size` in the file. What nobody says is
//! a default; all defaults are here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use etcetera::BaseStrategy as _;
use serde::de::DeserializeOwned;

use crate::args::{
    ConnectionOptions, CredentialOptions, DestinationOptions, MediaOptions, StoreOptions, TransferOptions,
};

/// Options that belong together and can be said by flag, environment and file.
pub(crate) trait Group: Args + DeserializeOwned + Default {
    /// What `self` does not say, `below` says.
    fn or(self, below: Self) -> Self;

    /// The options' names, as in the file.
    fn names() -> Vec<String> {
        let command = Self::augment_args(clap::Command::new("group"));
        command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
    }
}

macro_rules! group {
    ($group:ident { $($field:ident),* } $(flags only: $($flag:ident),*)?) => {
        impl Group for $group {
            fn or(self, below: Self) -> Self {
                Self { $($field: self.$field.or(below.$field),)* $($($flag: self.$flag,)*)? }
            }
        }
    };
}

group!(MediaOptions { media_type, category, destined_for, alt_text, limits });
group!(DestinationOptions { api, base_url });
group!(ConnectionOptions { proxy, no_proxy_env, ca_file });
group!(TransferOptions { chunk_size, window, deadline, processing_deadline, limit_rate, byte_budget });
group!(StoreOptions { state_dir });

impl Group for CredentialOptions {
    /// The nearest layer that names any source of credentials: two layers never mix.
    fn or(self, below: Self) -> Self {
        if self.token_file.is_some() || self.credentials_file.is_some() || self.token_stdin {
            self
        } else {
            below
        }
    }
}

/// Every name that the file may have.
pub(crate) fn known_names() -> Vec<String> {
    let names = [
        MediaOptions::names(),
        DestinationOptions::names(),
        ConnectionOptions::names(),
        CredentialOptions::names(),
        TransferOptions::names(),
        StoreOptions::names(),
    ];
    // A file is no place to say where stdin is.
    names.into_iter().flatten().filter(|name| name != "token-stdin").collect()
}

/// The name of an option in the environment.
pub(crate) fn variable(name: &str) -> String {
    format!("CHUNKWISE_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// What lies below the flags.
#[derive(Debug)]
pub(crate) struct Layers {
    environment: toml::Table,
    file: toml::Table,
    path: PathBuf,
}

impl Layers {
    /// Reads the environment and the file. A file that was named must be there; the one in the user's
    /// configuration directory need not.
    pub(crate) fn read(
        named: Option<PathBuf>,
        variable_of: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, SettingsError> {
        let mut environment = toml::Table::new();
        for name in known_names() {
            let key = variable(&name);
            if let Some(value) = variable_of(&key).filter(|value| !value.is_empty()) {
                let value = value.into_string().map_err(|_| SettingsError::NotUtf8 { variable: key })?;
                environment.insert(name, value.into());
            }
        }
        let named = named
            .or_else(|| variable_of("CHUNKWISE_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from));
        let (path, file) = match named {
            Some(path) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| SettingsError::Unreadable { path: path.clone(), error })?;
                let file = table(&path, &text)?;
                (path, file)
            }
            None => match etcetera::choose_base_strategy() {
                Ok(directories) => {
                    let path = directories.config_dir().join("chunkwise").join("config.toml");
                    let file = match std::fs::read_to_string(&path) {
                        Ok(text) => table(&path, &text)?,
                        Err(error) if is_absent(&error) => toml::Table::new(),
                        Err(error) => return Err(SettingsError::Unreadable { path, error }),
                    };
                    (path, file)
                }
                Err(_) => (PathBuf::new(), toml::Table::new()),
            },
        };
        Ok(Self { environment, file, path })
    }

    /// The flags of a group, completed from below.
    pub(crate) fn complete<G: Group>(&self, flags: G) -> Result<G, SettingsError> {
        let environment = part::<G>(&self.environment, |name| format!("the variable {}", variable(name)))?;
        let file = part::<G>(&self.file, |name| format!("{name} in {}", self.path.display()))?;
        Ok(flags.or(environment).or(file))
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

fn table(path: &Path, text: &str) -> Result<toml::Table, SettingsError> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| SettingsError::NotToml {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| text.get(..span.start).unwrap_or(text).lines().count().max(1)),
        // The library's own text shows the line, and the line may hold what nobody should see.
        reason: error.message().lines().next().unwrap_or("it can't be read").to_owned(),
    })?;
    let known = known_names();
    match table.keys().find(|key| !known.contains(key)) {
        Some(key) => Err(SettingsError::UnknownKey { path: path.to_owned(), key: key.clone() }),
        None => Ok(table),
    }
}

/// What a layer says of a group. Each key is read by itself, so that an error can name it.
fn part<G: Group>(layer: &toml::Table, place: impl Fn(&str) -> String) -> Result<G, SettingsError> {
    let mut group = G::default();
    for name in G::names() {
        let Some(value) = layer.get(&name) else { continue };
        let one = toml::Table::from_iter([(name.clone(), value.clone())]);
        let one: G = one.try_into().map_err(|error: toml::de::Error| SettingsError::Invalid {
            place: place(&name),
            reason: error.message().lines().next().unwrap_or("it can't be read").to_owned(),
        })?;
        group = group.or(one);
    }
    Ok(group)
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("the settings file {} can't be read: {error}; mend it, or name another with --config", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("the settings file {} is not TOML (line {line}: {reason}); mend that line", path.display())]
    NotToml { path: PathBuf, line: usize, reason: String },
    #[error("the settings file {} has an unknown key {key:?}; the keys are {}", path.display(), known_names().join(", "))]
    UnknownKey { path: PathBuf, key: String },
    #[error("{place} can't be used: {reason}")]
    Invalid { place: String, reason: String },
    #[error("the variable {variable} is not text in UTF-8; set it anew")]
    NotUtf8 { variable: String },
    #[error("{} is a file, not a folder: give a folder for the checkpoints", path.display())]
    NotAFolder { path: PathBuf },
    #[error("nobody says where checkpoints go: set HOME, or give --state-dir")]
    NoStateDirectory,
}

impl StoreOptions {
    /// The folder for checkpoints.
    pub(crate) fn directory(self) -> Result<PathBuf, SettingsError> {
        if let Some(directory) = self.state_dir {
            if directory.is_file() {
                return Err(SettingsError::NotAFolder { path: directory });
            }
            return Ok(directory);
        }
        let directories = etcetera::choose_base_strategy().map_err(|_| SettingsError::NoStateDirectory)?;
        let directory = directories.state_dir().unwrap_or_else(|| directories.data_dir());
        Ok(directory.join("chunkwise").join("uploads"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Size;

    fn layers(environment: &[(&str, &str)], file: &str) -> Result<Layers, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, file).unwrap();
        let look =
            |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).into());
        Layers::read(Some(path), look)
    }

    #[test]
    fn flags_go_before_the_environment_and_that_before_the_file() {
        let file = "chunk-size = '1MiB'\nwindow = 3\nbyte-budget = 8388608\nlimit-rate = '1MB/s'\n";
        let layers =
            layers(&[("CHUNKWISE_CHUNK_SIZE", "2MiB"), ("CHUNKWISE_WINDOW", "adaptive")], file).unwrap();
        let flags = TransferOptions { chunk_size: Some(Size::of(3 << 20)), ..TransferOptions::default() };
        let all = layers.complete(flags).unwrap();
        assert_eq!(all.chunk_size, Some(Size::of(3 << 20)));
        assert_eq!(all.window, Some("adaptive".parse().unwrap()));
        assert_eq!(all.byte_budget, Some(Size::of(8 << 20)));
        assert_eq!(all.limit_rate, Some("1MB/s".parse().unwrap()));
        assert_eq!(all.deadline, None);
    }

    #[test]
    fn an_unknown_key_and_a_bad_value_are_named() {
        let error = layers(&[], "chunk-sise = 5\n").unwrap_err().to_string();
        assert!(error.contains("unknown key \"chunk-sise\"") && error.contains("chunk-size"), "{error}");
        let layers = layers(&[("CHUNKWISE_WINDOW", "lots")], "chunk-size = 'big'\n").unwrap();
        let error = layers.complete(TransferOptions::default()).unwrap_err().to_string();
        assert_eq!(
            error,
            "the variable CHUNKWISE_WINDOW can't be used: a window is a positive number, adaptive, or adaptive:MAX"
        );
    }

    #[test]
    fn every_option_of_a_group_can_be_said_everywhere() {
        // One valid value for each; a new option without one here fails.
        let value = |name: &str| match name {
            "no-proxy-env" => "true",
            "limits" => "premium",
            "chunk-size" | "byte-budget" => "4MiB",
            "limit-rate" => "1MB/s",
            "deadline" | "processing-deadline" => "30m",
            "window" => "4",
            "media-type" | "category" | "use" | "alt-text" | "api" | "base-url" | "token-file"
            | "credentials-file" | "proxy" | "ca-file" | "state-dir" => "text",
            other => panic!("{other} has no value here"),
        };
        for name in known_names() {
            let set = variable(&name);
            let environment = [(set.as_str(), value(&name))];
            let file = format!("{name} = '{}'\n", value(&name));
            for layers in [layers(&environment, ""), layers(&[], &file)] {
                let layers = layers.unwrap();
                let shown = [
                    format!("{:?}", layers.complete(MediaOptions::default()).unwrap()),
                    format!("{:?}", layers.complete(DestinationOptions::default()).unwrap()),
                    format!("{:?}", layers.complete(ConnectionOptions::default()).unwrap()),
                    format!("{:?}", layers.complete(CredentialOptions::default()).unwrap()),
                    format!("{:?}", layers.complete(TransferOptions::default()).unwrap()),
                    format!("{:?}", layers.complete(StoreOptions::default()).unwrap()),
                ];
                assert_eq!(shown.concat().matches("Some(").count(), 1, "{name}: {shown:?}");
            }
        }
    }

    #[test]
    fn what_is_not_toml_is_said_with_its_line_and_without_its_text() {
        let error = layers(&[], "window = 4\ntoken-file = = 'hunter2'\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }
}
