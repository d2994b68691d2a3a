//! The flags of this command that the next one will need too: what is printed as "go on" must work as it is printed.

use std::path::Path;

use chunkwise::driver::UploadId;

use crate::args::{
    ConnectionOptions, CredentialOptions, DestinationOptions, OutputOptions, StoreOptions, Untold,
};
use crate::to::{Place, StoreAddress};

/// Flags to be given again. What may hold a secret is not among them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// Where settings and checkpoints are.
    place: String,
    /// To which server.
    destination: String,
    /// How to get there.
    way: String,
    /// Whether giving up is for the server to hear, so that it needs the way there as well.
    giving_up: GivingUp,
}

/// What giving an upload up needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum GivingUp {
    /// Its record: X can't be told.
    #[default]
    Record,
    /// The server's ear.
    Server,
}

/// Stands for a proxy that is not printed, for it may hold a password. As it stands, no proxy can be meant by it: a
/// command pasted with it says so, and does not go past the proxy.
const PROXY_UNTOLD: &str = "(the proxy again, with its password)";

fn proxy_again(proxy: &str) -> &str {
    if proxy.contains('@') { PROXY_UNTOLD } else { proxy }
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
        // An address with a password in it is refused, so that what is printed here has none.
        let base_url = destination.base_url.as_ref().map(Untold::expose);
        let destination = self::destination(destination.api.as_deref(), base_url);
        let mut way = String::new();
        path(&mut way, "token-file", credentials.token_file.as_deref());
        path(&mut way, "credentials-file", credentials.credentials_file.as_deref());
        if credentials.token_stdin {
            way.push_str(" --token-stdin");
        }
        text(&mut way, "proxy", connection.proxy.as_ref().map(|proxy| proxy_again(proxy.expose())));
        path(&mut way, "ca-file", connection.ca_file.as_deref());
        if connection.no_proxy_env == Some(true) {
            way.push_str(" --no-proxy-env");
        }
        Self { place, destination, way, giving_up: GivingUp::Record }
    }

    /// The same for uploads to another place than X: what is said of X is left out, and of a store's region told.
    pub(crate) fn elsewhere(self, store: &StoreAddress) -> Self {
        let mut destination = String::new();
        text(&mut destination, "s3-region", store.region_given());
        Self { destination, giving_up: GivingUp::Server, ..self }
    }

    /// The same with the address of a tus server, as far as that may be printed.
    pub(crate) fn again(mut self, to: Option<&Place>) -> Self {
        text(&mut self.destination, "to", to.map(Place::written).as_deref());
        self
    }

    /// The same to another server.
    pub(crate) fn to(&self, api: &str, base_url: &str) -> Self {
        Self { destination: destination(Some(api), Some(base_url)), ..self.clone() }
    }

    /// The command that goes on with an upload.
    pub(crate) fn resume(&self, id: &UploadId) -> String {
        format!("chunkwise resume {id}{}{}{}", self.place, self.destination, self.way)
    }

    /// The command that uploads to a place other than X, but for what is uploaded.
    pub(crate) fn upload(&self, place: &Place, store: &StoreAddress) -> String {
        let mut to = String::new();
        text(&mut to, "to", Some(&place.written()));
        match place {
            Place::S3 { .. } => {
                text(&mut to, "s3-endpoint", store.endpoint_given());
                text(&mut to, "s3-region", store.region_given());
                text(&mut to, "s3-style", store.style_given());
                for (name, value) in store.store_given() {
                    text(&mut to, name, Some(&value));
                }
            }
            Place::Tus(_) => {}
        }
        format!("chunkwise upload{to}{}{}", self.place, self.way)
    }

    /// The command that gives it up.
    pub(crate) fn discard(&self, id: &UploadId) -> String {
        match self.giving_up {
            GivingUp::Record => format!("chunkwise uploads discard {id}{}", self.place),
            GivingUp::Server => {
                format!("chunkwise uploads discard {id}{}{}{}", self.place, self.destination, self.way)
            }
        }
    }
}

fn destination(api: Option<&str>, base_url: Option<&str>) -> String {
    let mut flags = String::new();
    text(&mut flags, "api", api);
    text(&mut flags, "base-url", base_url);
    flags
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
pub(crate) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else if value.contains(char::is_control) {
        // A terminal must not act on it.
        let byte = |b: u8| match b {
            b'\'' | b'\\' => format!("\\{}", char::from(b)),
            b if b.is_ascii_control() => format!("\\x{b:02x}"),
            b if b.is_ascii() => char::from(b).to_string(),
            b => format!("\\x{b:02x}"),
        };
        format!("$'{}'", value.bytes().map(byte).collect::<String>())
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
        assert_eq!(
            flags.to("v2", "https://api.x.com").resume(&id),
            r"chunkwise resume a-1 --state-dir '/tmp/my state' --api v2 --base-url https://api.x.com --token-file 'it'\''s'"
        );
        assert_eq!(quoted("no\u{1b}[31m it's"), r"$'no\x1b[31m it\'s'");
    }

    #[test]
    fn a_proxy_is_named_again_and_its_password_never() {
        let resume = |proxy: &str| {
            let connection =
                ConnectionOptions { proxy: Some(proxy.to_owned().into()), ..ConnectionOptions::default() };
            let flags = Flags::of(
                &OutputOptions::default(),
                &StoreOptions::default(),
                &DestinationOptions::default(),
                &CredentialOptions::default(),
                &connection,
            );
            flags.resume(&UploadId::new("a").unwrap())
        };
        assert_eq!(resume("socks5://[::1]:9"), "chunkwise resume a --proxy 'socks5://[::1]:9'");
        let told = resume("http://user:hunter2@proxy:8080");
        assert_eq!(told, "chunkwise resume a --proxy '(the proxy again, with its password)'");
        assert!(PROXY_UNTOLD.parse::<chunkwise::hyper::ProxyUrl>().is_err(), "it must not be taken for one");
    }
}
