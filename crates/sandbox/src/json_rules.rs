//! Strict reading of JSON requests: closed objects, enumerations, ranges; messages in the style of the validator that X's
//! own answers show (X fact sheet §6 has two of them; the others follow the same style).

use serde_json::{Map, Value};

use crate::answer::{Refusal, Violation};

/// A JSON object being read; what is wrong with it is gathered.
#[derive(Debug)]
pub(crate) struct Rules<'a> {
    object: &'a Map<String, Value>,
    path: &'static str,
    violations: Vec<Violation>,
}

/// The object that a body holds.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Err(Refusal::NotJsonObject);
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::NotJsonObject),
        Err(_) => Err(Refusal::NotJson),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.chars().take(200).collect(),
        other => other.to_string().chars().take(200).collect(),
    }
}

/// `^[0-9]{1,19}$`
fn is_id(text: &str) -> bool {
    text.parse::<crate::media_kind::MediaId>().is_ok()
}

impl<'a> Rules<'a> {
    /// `path` is what stands in front of a name: empty, or such as `media.`. Names other than `known` are refused.
    pub(crate) fn closed(object: &'a Map<String, Value>, path: &'static str, known: &[&str]) -> Self {
        let mut rules = Self { object, path, violations: Vec::new() };
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            rules.blame(
                name,
                None,
                "is not defined in the schema and the schema does not allow additional properties",
            );
        }
        rules
    }

    pub(crate) fn blame(&mut self, name: &str, given: Option<String>, what: &str) {
        let parameter = format!("{}{name}", self.path);
        let message = format!("$.{parameter}: {what}");
        self.violations.push(Violation { parameter, given, message });
    }

    /// All is well, or everything that is not.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.violations.is_empty() { Ok(()) } else { Err(Refusal::Violations(self.violations)) }
    }

    pub(crate) fn required(&mut self, name: &str) {
        if !self.object.contains_key(name) {
            self.blame(name, None, "is missing but it is required");
        }
    }

    fn wrong_type(&mut self, name: &str, value: &Value, expected: &str) {
        self.blame(name, Some(shown(value)), &format!("{} found, {expected} expected", type_name(value)));
    }

    pub(crate) fn string(&mut self, name: &str) -> Option<&'a str> {
        let value = self.object.get(name)?;
        if value.as_str().is_none() {
            self.wrong_type(name, value, "string");
        }
        value.as_str()
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        let value = self.object.get(name)?;
        if value.as_bool().is_none() {
            self.wrong_type(name, value, "boolean");
        }
        value.as_bool()
    }

    pub(crate) fn integer(&mut self, name: &str, max: u64) -> Option<u64> {
        let value = self.object.get(name)?;
        match value {
            Value::Number(number) if !number.is_f64() => match number.as_u64() {
                None => self.blame(name, Some(shown(value)), "must have a minimum value of 0"),
                Some(number) if number > max => {
                    self.blame(name, Some(shown(value)), &format!("must have a maximum value of {max}"));
                }
                Some(number) => return Some(number),
            },
            other => self.wrong_type(name, other, "integer"),
        }
        None
    }

    pub(crate) fn one_of(&mut self, name: &str, allowed: &[&str]) -> Option<&'a str> {
        let text = self.string(name)?;
        if allowed.contains(&text) {
            return Some(text);
        }
        let allowed = allowed.join(", ");
        self.blame(name, Some(text.into()), &format!("does not have a value in the enumeration [{allowed}]"));
        None
    }

    pub(crate) fn object(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        let value = self.object.get(name)?;
        if value.as_object().is_none() {
            self.wrong_type(name, value, "object");
        }
        value.as_object()
    }

    pub(crate) fn id(&mut self, name: &str) -> Option<&'a str> {
        let text = self.string(name)?;
        if !is_id(text) {
            self.blame(name, Some(text.into()), "does not match the regex pattern ^[0-9]{1,19}$");
        }
        Some(text)
    }

    /// An array of ids with `min` to `max` items.
    pub(crate) fn ids(&mut self, name: &str, min: usize, max: usize) -> Vec<String> {
        let Some(value) = self.object.get(name) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            self.wrong_type(name, value, "array");
            return Vec::new();
        };
        let plural = |count: usize| if count == 1 { "item" } else { "items" };
        if items.len() < min {
            let what = format!("there must be a minimum of {min} {} in the array", plural(min));
            self.blame(name, None, &what);
        }
        if items.len() > max {
            let what = format!("there must be a maximum of {max} {} in the array", plural(max));
            self.blame(name, None, &what);
        }
        let mut ids = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let name = format!("{name}[{at}]");
            match item.as_str() {
                None => self.wrong_type(&name, item, "string"),
                Some(text) if !is_id(text) => {
                    self.blame(&name, Some(shown(item)), "does not match the regex pattern ^[0-9]{1,19}$");
                }
                Some(text) => ids.push(text.to_owned()),
            }
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn messages(value: &Value, read: impl Fn(&mut Rules<'_>)) -> Vec<String> {
        let object = value.as_object().unwrap();
        let mut rules = Rules::closed(object, "", &["type", "size", "shared", "ids"]);
        read(&mut rules);
        match rules.finish() {
            Ok(()) => Vec::new(),
            Err(Refusal::Violations(violations)) => violations.into_iter().map(|v| v.message).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_rule_has_its_message() {
        let found = messages(
            &json!({ "type": "a", "size": 11, "shared": "true", "ids": ["1", 2, "x"], "more": 1 }),
            |rules| {
                rules.one_of("type", &["b", "c"]);
                rules.integer("size", 10);
                rules.boolean("shared");
                rules.ids("ids", 1, 2);
                rules.required("media");
            },
        );
        assert_eq!(
            found,
            [
                "$.more: is not defined in the schema and the schema does not allow additional properties",
                "$.type: does not have a value in the enumeration [b, c]",
                "$.size: must have a maximum value of 10",
                "$.shared: string found, boolean expected",
                "$.ids: there must be a maximum of 2 items in the array",
                "$.ids[1]: integer found, string expected",
                "$.ids[2]: does not match the regex pattern ^[0-9]{1,19}$",
                "$.media: is missing but it is required",
            ]
        );
    }

    #[test]
    fn integers_are_integers() {
        for bad in [json!(-1), json!(1.5), json!("1"), json!(null)] {
            assert_eq!(
                messages(&json!({ "size": bad }), |rules| assert_eq!(rules.integer("size", 10), None)).len(),
                1
            );
        }
        assert!(
            messages(&json!({ "size": 10 }), |rules| assert_eq!(rules.integer("size", 10), Some(10)))
                .is_empty()
        );
    }

    #[test]
    fn a_body_is_an_object() {
        assert_eq!(object(b""), Err(Refusal::NotJsonObject));
        assert_eq!(object(b"[]"), Err(Refusal::NotJsonObject));
        assert_eq!(object(b"{"), Err(Refusal::NotJson));
        assert!(object(b"{}").is_ok());
    }
}
