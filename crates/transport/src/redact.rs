//! Texts of a server made fit for logs: what looks like a credential is taken out.
//!
//! A server (or a proxy before it) may echo the request in its error; the texts kept of it must not be a leak.

/// How many bytes of a text are looked at. What is kept in the end is shorter still.
const MAX_TEXT: usize = 4 << 10;

/// What stands in the place of a credential.
const REDACTED: &str = "[redacted]";

/// The shortest run of token characters that is taken for a credential by its look alone. X's access tokens have 50
/// characters and more; its ids have 19.
const OPAQUE: usize = 40;

/// The text without credentials, cut to a bound.
///
/// Taken out are the values of names such as `oauth_token`, `access_token`, `authorization` or `cookie` (in JSON, in
/// forms, in headers, percent-encoded or escaped once more), what follows `Bearer`, and any run of forty or more
/// token characters with letters and digits in it.
pub fn redact(text: &str) -> String {
    let mut rest = bounded(text);
    let mut out = String::with_capacity(rest.len());
    let mut before = None;
    while let Some(first) = rest.chars().next() {
        // A name ends where its separator begins, and `=` or `%` are token characters too: a name may stand within a
        // run of token characters.
        let name = prefix(rest, |c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let behind = &rest[name.len()..];
        let run = if before.is_some_and(is_token_char) { "" } else { prefix(rest, is_token_char) };
        let taken = if let Some((separator, secret)) = secret_behind(name, behind) {
            out.push_str(if is_opaque(name) { REDACTED } else { name });
            out.push_str(&behind[..separator]);
            out.push_str(REDACTED);
            name.len() + separator + secret
        } else if is_opaque(run) {
            out.push_str(REDACTED);
            run.len()
        } else {
            let plain = if name.is_empty() { first.len_utf8() } else { name.len() };
            out.push_str(&rest[..plain]);
            plain
        };
        before = rest[..taken].chars().next_back();
        rest = &rest[taken..];
    }
    out
}

/// If the name announces a credential: how long the separator behind it is, and how long the credential.
fn secret_behind(name: &str, behind: &str) -> Option<(usize, usize)> {
    let name = name.to_ascii_lowercase();
    if matches!(name.as_str(), "bearer" | "basic") {
        let gap = prefix(behind, |c| c == ' ' || c == '+').len();
        let secret = prefix(&behind[gap..], is_value_char).len();
        return (gap > 0 && secret > 0).then_some((gap, secret));
    }
    let whole_line =
        matches!(name.as_str(), "authorization" | "proxy-authorization" | "cookie" | "set-cookie");
    let named = whole_line
        || name.contains("oauth_")
        || ["token", "secret", "signature", "password", "api_key", "apikey", "ct0"]
            .iter()
            .any(|end| name.ends_with(end));
    if !named {
        return None;
    }
    let separator = separator(behind)?;
    let value = &behind[separator..];
    let secret = if whole_line {
        // A header's value has commas and quotes of its own; it goes to the end of the line. Within JSON or HTML
        // that takes more than the value, which is the safe side.
        prefix(value, |c| c != '\n' && c != '\r').len()
    } else {
        prefix(value, is_value_char).len()
    };
    (secret > 0).then_some((separator, secret))
}

/// How long the separator between a name and its value is: `=`, `:`, `%3D`, `%3A`, with quotes, escapes and blanks
/// around it. Nothing if there is none.
fn separator(text: &str) -> Option<usize> {
    let blank = |text: &str| prefix(text, |c| matches!(c, '"' | '\'' | '\\' | ' ' | '\t' | '[')).len();
    let before = blank(text);
    let sign = &text[before..];
    let encoded =
        sign.get(..3).is_some_and(|s| s.eq_ignore_ascii_case("%3D") || s.eq_ignore_ascii_case("%3A"));
    let len = if sign.starts_with(['=', ':']) {
        1
    } else if encoded {
        3
    } else {
        return None;
    };
    Some(before + len + blank(&sign[len..]))
}

/// Whether a run of token characters is a credential by its look.
fn is_opaque(word: &str) -> bool {
    word.len() >= OPAQUE
        && word.bytes().any(|b| b.is_ascii_digit())
        && word.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Characters of tokens: base64 in both alphabets, percent-encoding, `-` and `~`. Not `.` and `/`, which would make
/// tokens of addresses.
fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '~' | '+' | '%' | '=')
}

/// Characters of a value that has a name, whatever it is quoted by.
fn is_value_char(c: char) -> bool {
    !matches!(c, '"' | '\'' | '\\' | '&' | ',' | ';' | '<' | '}') && !c.is_whitespace()
}

/// The longest prefix whose characters all pass.
fn prefix(text: &str, pass: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !pass(c)).unwrap_or(text.len());
    &text[..end]
}

/// The text cut to the bound, between two characters.
fn bounded(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "Hunter2Hunter2";

    #[test]
    fn credentials_go_wherever_they_stand() {
        for text in [
            "Authorization: Bearer Hunter2Hunter2",
            "authorization: OAuth oauth_consumer_key=\"Hunter2Hunter2\", oauth_token=\"Hunter2Hunter2\"",
            "{\"authorization\":\"Bearer Hunter2Hunter2\"}",
            "{\\\"Authorization\\\":\\\"Bearer Hunter2Hunter2\\\"}",
            "the token 'Bearer Hunter2Hunter2' was refused",
            "token=bearer+Hunter2Hunter2",
            "Bearer eyJh.Hunter2Hunter2.x/y",
            "oauth_token=Hunter2Hunter2&oauth_nonce=Hunter2Hunter2",
            "oauth_token%3DHunter2Hunter2%26oauth_nonce%3dHunter2Hunter2",
            "oauth_signature=\"Hunter2Hunter2\"",
            "{\"access_token\": \"Hunter2Hunter2\", \"refresh_token\":\"Hunter2Hunter2\"}",
            "client_secret = Hunter2Hunter2",
            "Cookie: auth_token=Hunter2Hunter2; ct0=Hunter2Hunter2",
            "ct0=Hunter2Hunter2",
            "Proxy-Authorization: Basic Hunter2Hunter2",
        ] {
            let redacted = redact(text);
            assert!(!redacted.contains(SECRET), "{text} -> {redacted}");
            assert!(redacted.contains(REDACTED), "{text} -> {redacted}");
        }
    }

    #[test]
    fn a_long_opaque_word_goes_by_its_look() {
        let token = "1234567890-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcd";
        assert_eq!(redact(&format!("bad key {token}, sorry")), "bad key [redacted], sorry");
    }

    /// Then the one looks like the beginning of the other's name.
    #[test]
    fn a_token_goes_that_runs_into_the_name_of_another() {
        let token = "12345-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdx";
        for text in [format!("{token}oauth_token=abc"), format!("{token}10oauth_token%3D{token}")] {
            assert_eq!(redact(&text).matches(token).count(), 0, "{}", redact(&text));
        }
    }

    #[test]
    fn what_people_must_read_stays() {
        for text in [
            "Invalid or expired token.",
            "{\"errors\":[{\"code\":89,\"message\":\"Invalid or expired token.\"}]}",
            "https://api.twitter.com/2/problems/unsupported-authentication",
            "media 1880028106020515840 not found",
            "Segments do not add up to provided total file size.",
            "Bearer",
            "größer als 5 MB – 100 % sicher",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn the_result_is_bounded_and_cut_between_characters() {
        assert_eq!(redact(&"ä".repeat(10_000)).len(), MAX_TEXT);
        assert!(redact(&"=".repeat(10_000)).len() <= MAX_TEXT);
    }
}
