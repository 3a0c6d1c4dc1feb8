//! JSON in one form, so that equal values have equal text and equal hashes.
//!
//! Not left to `serde_json`: whether its maps are sorted depends on a feature that any dependency may switch on.

use std::collections::BTreeMap;

use serde_json::Value;

/// `value` as JSON text with the fields of every object sorted.
pub fn text(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            let fields =
                sorted.into_iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), text(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_sorted_at_every_depth_and_the_text_is_the_same_value() {
        let value = json!({"b": [{"z": 1, "a": "quote \" and \u{e9}"}], "a": null});
        assert_eq!(text(&value), r#"{"a":null,"b":[{"a":"quote \" and é","z":1}]}"#);
        assert_eq!(serde_json::from_str::<Value>(&text(&value)).unwrap(), value);
    }
}
