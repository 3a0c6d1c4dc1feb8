//! JSON patches (RFC 6902) and JSON merge patches (RFC 7386), as the apiserver applies them.

use serde_json::Value;

/// Why a JSON patch was not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PatchError {
    /// It is no JSON patch.
    Malformed(String),
    /// It does not fit the object, or a `test` did not hold.
    DoesNotApply,
}

/// Applies a JSON patch.
pub(super) fn json_patch(target: &mut Value, patch: &Value) -> Result<(), PatchError> {
    let operations = patch.as_array().ok_or_else(|| PatchError::Malformed("a JSON patch is a list".to_owned()))?;
    operations.iter().try_for_each(|operation| apply(target, operation))
}

fn apply(target: &mut Value, operation: &Value) -> Result<(), PatchError> {
    let malformed = |what: &str| PatchError::Malformed(format!("an operation without {what}"));
    let path = |key: &str| operation[key].as_str().map(segments).ok_or_else(|| malformed(key));
    let value = || operation.get("value").cloned().ok_or_else(|| malformed("value"));
    let to = path("path")?;
    match operation["op"].as_str() {
        Some("add") => add(target, &to, value()?),
        Some("remove") => remove(target, &to).map(drop),
        Some("replace") => {
            let place = find(target, &to).ok_or(PatchError::DoesNotApply)?;
            *place = value()?;
            Ok(())
        }
        Some("move") => {
            let moved = remove(target, &path("from")?)?;
            add(target, &to, moved)
        }
        Some("copy") => {
            let copied = find(target, &path("from")?).cloned().ok_or(PatchError::DoesNotApply)?;
            add(target, &to, copied)
        }
        Some("test") => test(target, &to, &operation["value"]),
        other => Err(PatchError::Malformed(format!("unknown operation {other:?}"))),
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
}

fn find<'a>(target: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(target, |value, segment| match value {
        Value::Object(fields) => fields.get_mut(segment),
        Value::Array(items) => items.get_mut(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

fn parent<'a, 'p>(target: &'a mut Value, path: &'p [String]) -> Result<(&'a mut Value, &'p str), PatchError> {
    let (last, before) = path.split_last().ok_or(PatchError::DoesNotApply)?;
    Ok((find(target, before).ok_or(PatchError::DoesNotApply)?, last))
}

fn add(target: &mut Value, path: &[String], value: Value) -> Result<(), PatchError> {
    if path.is_empty() {
        *target = value;
        return Ok(());
    }
    match parent(target, path)? {
        (Value::Object(fields), name) => drop(fields.insert(name.to_owned(), value)),
        (Value::Array(items), "-") => items.push(value),
        (Value::Array(items), index) => {
            let index = index.parse().ok().filter(|index| *index <= items.len()).ok_or(PatchError::DoesNotApply)?;
            items.insert(index, value);
        }
        _ => return Err(PatchError::DoesNotApply),
    }
    Ok(())
}

fn remove(target: &mut Value, path: &[String]) -> Result<Value, PatchError> {
    match parent(target, path)? {
        (Value::Object(fields), name) => fields.remove(name).ok_or(PatchError::DoesNotApply),
        (Value::Array(items), index) => {
            let index = index.parse().ok().filter(|index| *index < items.len()).ok_or(PatchError::DoesNotApply)?;
            Ok(items.remove(index))
        }
        _ => Err(PatchError::DoesNotApply),
    }
}

/// A field that is absent equals null, as long as what holds it is there.
fn test(target: &mut Value, path: &[String], expected: &Value) -> Result<(), PatchError> {
    let found = match find(target, path) {
        Some(found) => found.clone(),
        None => match parent(target, path)? {
            (Value::Object(_), _) => Value::Null,
            _ => return Err(PatchError::DoesNotApply),
        },
    };
    if found == *expected { Ok(()) } else { Err(PatchError::DoesNotApply) }
}

/// Applies a merge patch: null removes, objects are merged, everything else replaces.
pub(super) fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(name);
        } else {
            merge_patch(fields.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(object: &Value, patch: &Value) -> Result<Value, PatchError> {
        let mut object = object.clone();
        json_patch(&mut object, patch).map(|()| object)
    }

    #[test]
    fn operations_do_what_the_standard_says() {
        let object = json!({"a": {"b": [1, 2]}, "x/y": 1});
        let patch = json!([
            {"op": "add", "path": "/a/b/1", "value": 9},
            {"op": "add", "path": "/a/b/-", "value": 3},
            {"op": "remove", "path": "/a/b/0"},
            {"op": "replace", "path": "/x~1y", "value": 2},
            {"op": "copy", "from": "/x~1y", "path": "/c"},
            {"op": "move", "from": "/c", "path": "/d"},
            {"op": "test", "path": "/d", "value": 2},
        ]);
        assert_eq!(patched(&object, &patch), Ok(json!({"a": {"b": [9, 2, 3]}, "x/y": 2, "d": 2})));
    }

    #[test]
    fn a_test_for_null_holds_where_the_field_is_absent() {
        let object = json!({"metadata": {"uid": "u"}});
        let test = |path: &str, value: Value| patched(&object, &json!([{"op": "test", "path": path, "value": value}]));
        assert!(test("/metadata/finalizers", Value::Null).is_ok());
        assert_eq!(test("/metadata/uid", Value::Null), Err(PatchError::DoesNotApply));
        assert_eq!(test("/status/x", Value::Null), Err(PatchError::DoesNotApply));
        assert_eq!(test("/metadata/finalizers/0", json!("x")), Err(PatchError::DoesNotApply));
    }

    #[test]
    fn what_is_not_there_cannot_be_removed_or_replaced() {
        for operation in ["remove", "replace"] {
            let patch = json!([{"op": operation, "path": "/a", "value": 1}]);
            assert_eq!(patched(&json!({}), &patch), Err(PatchError::DoesNotApply));
        }
        assert!(matches!(patched(&json!({}), &json!([{"op": "jump", "path": "/a"}])), Err(PatchError::Malformed(_))));
    }

    #[test]
    fn a_merge_patch_removes_with_null() {
        let mut object = json!({"a": {"b": 1, "c": 2}, "l": [1]});
        merge_patch(&mut object, &json!({"a": {"b": null, "d": {"e": null, "f": 1}}, "l": [2]}));
        assert_eq!(object, json!({"a": {"c": 2, "d": {"f": 1}}, "l": [2]}));
    }
}
