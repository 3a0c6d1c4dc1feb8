//! The part of JSONPath that definitions use: fields, indices and one filter on equality.

use serde_json::Value;

/// A parsed path such as `.status.conditions[?(@.type=="Ready")].status`.
#[derive(Debug, Clone)]
pub(super) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone)]
enum Step {
    Field(String),
    Index(usize),
    All,
    Filter { field: String, value: String },
}

impl JsonPath {
    /// Parses a path; the words name what is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("JSONPath {text:?} is not understood");
        let mut steps = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let (inside, after) = after.split_once(']').ok_or_else(bad)?;
                steps.push(bracket(inside).ok_or_else(bad)?);
                rest = after;
            } else {
                rest = rest.strip_prefix('.').unwrap_or(rest);
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                if end == 0 {
                    return Err(bad());
                }
                steps.push(Step::Field(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
        Ok(Self(steps))
    }

    /// The first value found.
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        find(&self.0, value)
    }
}

fn bracket(inside: &str) -> Option<Step> {
    if inside == "*" {
        return Some(Step::All);
    }
    if let Ok(index) = inside.parse() {
        return Some(Step::Index(index));
    }
    if let Some(filter) = inside.strip_prefix("?(@.").and_then(|inside| inside.strip_suffix(')')) {
        let (field, value) = filter.split_once("==")?;
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        return Some(Step::Filter { field: field.trim().to_owned(), value });
    }
    Some(Step::Field(inside.trim_matches(['"', '\'']).to_owned()))
}

fn find<'a>(steps: &[Step], value: &'a Value) -> Option<&'a Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(value) };
    match step {
        Step::Field(name) => find(rest, value.get(name)?),
        Step::Index(index) => find(rest, value.get(index)?),
        Step::All => value.as_array()?.iter().find_map(|item| find(rest, item)),
        Step::Filter { field, value: wanted } => {
            let matching = value.as_array()?.iter().filter(|item| item[field].as_str() == Some(wanted));
            matching.into_iter().find_map(|item| find(rest, item))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_are_found_by_type() {
        let object =
            json!({"status": {"conditions": [{"type": "A", "status": "False"}, {"type": "B", "status": "True"}]}});
        let path = JsonPath::parse(".status.conditions[?(@.type==\"B\")].status").unwrap();
        assert_eq!(path.find(&object), Some(&json!("True")));
        assert_eq!(JsonPath::parse(".status.conditions[1].type").unwrap().find(&object), Some(&json!("B")));
        assert_eq!(JsonPath::parse(".spec.x").unwrap().find(&object), None);
    }
}
