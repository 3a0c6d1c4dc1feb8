//! What a call names, as far as rights can depend on it: objects, tags, and the role it hands on. Pure.
//!
//! Of bodies nothing else is kept: they carry policies, keys and items.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Members of JSON bodies that name what a call is about.
const SUBJECTS: [&str; 7] =
    ["TableName", "ResourceArn", "resourceArn", "logGroupName", "logGroupNamePrefix", "FunctionName", "RequestItems"];
/// Parameters of forms that do.
const FORM_SUBJECTS: [&str; 2] = ["RoleName", "PathPrefix"];

/// What a call names.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Named {
    /// Names or ARNs of objects, where the path does not have them.
    pub subjects: Vec<String>,
    /// Tags that the call would put on what it is about.
    pub tags: BTreeMap<String, String>,
    /// ARN of a role that the call gives to another service.
    pub role: Option<String>,
}

impl Named {
    /// Reads a JSON body, or a form. What is neither names nothing.
    pub fn of(body: &[u8], is_form: bool) -> Self {
        if is_form {
            return Self::of_form(&String::from_utf8_lossy(body));
        }
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return Self::default() };
        let mut named = Self { role: text(&members, "Role"), ..Self::default() };
        for subject in SUBJECTS {
            match members.get(subject) {
                Some(Value::String(name)) => named.subjects.push(name.clone()),
                Some(Value::Object(by_name)) => named.subjects.extend(by_name.keys().cloned()),
                _ => {}
            }
        }
        for tags in ["tags", "Tags"].iter().filter_map(|name| members.get(*name)) {
            named.tags.extend(pairs(tags));
        }
        named
    }

    fn of_form(form: &str) -> Self {
        let parameters: BTreeMap<&str, String> = form
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name, decode(value)))
            .collect();
        let subjects = FORM_SUBJECTS.iter().filter_map(|name| parameters.get(name).cloned()).collect();
        let tag = |(name, key): (&&str, &String)| {
            let value = parameters.get(format!("{}.Value", name.strip_suffix(".Key")?).as_str())?;
            Some((key.clone(), value.clone()))
        };
        let tags = parameters.iter().filter(|(name, _)| name.starts_with("Tags.member.")).filter_map(tag).collect();
        Self { subjects, tags, role: None }
    }
}

fn text(members: &serde_json::Map<String, Value>, name: &str) -> Option<String> {
    members.get(name)?.as_str().map(str::to_owned)
}

/// Tags as an object, or as a list of keys and values.
fn pairs(tags: &Value) -> Vec<(String, String)> {
    match tags {
        Value::Object(tags) => {
            tags.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        }
        Value::Array(tags) => {
            let pair = |tag: &Value| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned()));
            tags.iter().filter_map(pair).collect()
        }
        _ => Vec::new(),
    }
}

/// A value of a form.
fn decode(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let escaped = |rest: &mut std::str::Bytes<'_>| {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
        };
        match byte {
            b'%' => bytes.extend(escaped(&mut rest)),
            b'+' => bytes.push(b' '),
            plain => bytes.push(plain),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn names_are_read_from_every_protocol() {
        let table =
            br#"{"TableName": "aigw-x", "Item": {"pk": {"S": "secret"}}, "Tags": [{"Key": "a", "Value": "b"}]}"#;
        let named = Named::of(table, false);
        assert_eq!((named.subjects.as_slice(), named.tags), (["aigw-x".to_owned()].as_slice(), tags(&[("a", "b")])));
        let batch = Named::of(br#"{"RequestItems": {"aigw-x": {"Keys": []}}}"#, false);
        assert_eq!(batch.subjects, ["aigw-x"]);
        let function = br#"{"FunctionName": "aigw-x-f", "Role": "arn:aws:iam::1:role/aigw/r", "Tags": {"a": "b"}}"#;
        let function = Named::of(function, false);
        assert_eq!(function.role.as_deref(), Some("arn:aws:iam::1:role/aigw/r"));
        assert_eq!(function.tags, tags(&[("a", "b")]));
        let role = b"Action=CreateRole&RoleName=aigw-x&Tags.member.1.Key=a%2Fb&Tags.member.1.Value=c+d";
        let role = Named::of(role, true);
        assert_eq!((role.subjects.as_slice(), role.tags), (["aigw-x".to_owned()].as_slice(), tags(&[("a/b", "c d")])));
        assert_eq!(Named::of(b"\x00zip", false), Named::default());
    }
}
