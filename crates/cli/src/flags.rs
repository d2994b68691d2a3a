//! The flags of this command that the next one will need too: what is printed as "go on" must work as it is printed.

use std::path::Path;

use chunkwise::driver::UploadId;

use crate::args::{
    ConnectionOptions, CredentialOptions, DestinationOptions, OutputOptions, StoreOptions, Untold,
};

/// Flags to be given again. What may hold a secret is not among them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// Where settings and checkpoints are.
    place: String,
    /// How to get to the server.
    way: String,
}

impl Flags {
    pub(crate) fn of(
        output: &OutputOptions,
        store: &StoreOptions,
        destination: &DestinationOptions,
        credentials: &CredentialOptions,
        connection: &ConnectionOptions,
    ) -> Self {
        let mut place = String::new();
        path(&mut place, "config", output.config.as_deref());
        path(&mut place, "state-dir", store.state_dir.as_deref());
        let mut way = String::new();
        text(&mut way, "api", destination.api.as_deref());
        // One with a password in it is refused, so that what is printed here has none.
        text(&mut way, "base-url", destination.base_url.as_ref().map(Untold::expose));
        path(&mut way, "token-file", credentials.token_file.as_deref());
        path(&mut way, "credentials-file", credentials.credentials_file.as_deref());
        if credentials.token_stdin {
            way.push_str(" --token-stdin");
        }
        path(&mut way, "ca-file", connection.ca_file.as_deref());
        if connection.no_proxy_env == Some(true) {
            way.push_str(" --no-proxy-env");
        }
        Self { place, way }
    }

    /// The command that goes on with an upload.
    pub(crate) fn resume(&self, id: &UploadId) -> String {
        format!("chunkwise resume {id}{}{}", self.place, self.way)
    }

    /// The command that gives it up.
    pub(crate) fn discard(&self, id: &UploadId) -> String {
        format!("chunkwise uploads discard {id}{}", self.place)
    }
}

fn path(flags: &mut String, name: &str, path: Option<&Path>) {
    text(flags, name, path.map(|path| path.to_string_lossy()).as_deref());
}

fn text(flags: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        flags.push_str(" --");
        flags.push_str(name);
        flags.push(' ');
        flags.push_str(&quoted(value));
    }
}

/// As a shell takes it for one word.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_pasted() {
        let store = StoreOptions { state_dir: Some("/tmp/my state".into()) };
        let credentials = CredentialOptions { token_file: Some("it's".into()), ..Default::default() };
        let base_url = Some("http://127.0.0.1:1".to_owned().into());
        let destination = DestinationOptions { api: Some("v1.1".into()), base_url };
        let flags = Flags::of(
            &OutputOptions::default(),
            &store,
            &destination,
            &credentials,
            &ConnectionOptions::default(),
        );
        let id = UploadId::new("a-1").unwrap();
        assert_eq!(
            flags.resume(&id),
            r"chunkwise resume a-1 --state-dir '/tmp/my state' --api v1.1 --base-url http://127.0.0.1:1 --token-file 'it'\''s'"
        );
        assert_eq!(flags.discard(&id), "chunkwise uploads discard a-1 --state-dir '/tmp/my state'");
    }
}
