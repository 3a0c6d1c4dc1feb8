use super::*;

fn schema() -> Schema {
    Schema::parse(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer"},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        "names": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "words": {"type": "array", "items": {"type": "string"}},
        "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}},
    }}}}))
    .unwrap()
}

/// A live object with its owners.
struct Object(Value, Vec<Manager>);

impl Object {
    fn new() -> Self {
        Self(json!({}), Vec::new())
    }

    fn manager(name: &str, operation: Operation) -> Manager {
        let text = str::to_owned;
        Manager {
            name: text(name),
            operation,
            subresource: String::new(),
            api_version: text("g/v1"),
            time: text("now"),
            fields: Fields::default(),
        }
    }

    fn apply(&mut self, name: &str, config: &Value, force: bool) -> Result<(), Refusal> {
        let manager = Self::manager(name, Operation::Apply);
        self.0 = apply(&self.0, config, &schema(), &mut self.1, manager, force)?;
        Ok(())
    }

    fn update(&mut self, name: &str, new: Value) {
        record_update(&self.0, &new, &schema(), &mut self.1, Self::manager(name, Operation::Update));
        self.0 = new;
    }

    fn owned(&self, name: &str) -> Vec<String> {
        self.1.iter().filter(|manager| manager.name == name).flat_map(|manager| manager.fields.paths()).collect()
    }
}

#[test]
fn a_second_manager_conflicts_unless_it_forces() {
    let mut object = Object::new();
    object.apply("one", &json!({"spec": {"size": 1, "tags": {"a": "1"}}}), false).unwrap();
    let refused = object.apply("two", &json!({"spec": {"size": 2}}), false).unwrap_err();
    assert_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"));
    assert_eq!(refused.message, "Apply failed with 1 conflict: conflict with \"one\" using g/v1: .spec.size");
    assert_eq!(refused.details["causes"][0]["field"], ".spec.size");
    object.apply("two", &json!({"spec": {"size": 2}}), true).unwrap();
    assert_eq!(object.0["spec"]["size"], 2);
    assert_eq!(object.owned("one"), [".spec.tags.a"]);
    assert_eq!(object.owned("two"), [".spec.size"]);
}

#[test]
fn the_same_value_is_shared() {
    let mut object = Object::new();
    object.apply("one", &json!({"spec": {"size": 1}}), false).unwrap();
    object.apply("two", &json!({"spec": {"size": 1}}), false).unwrap();
    object.apply("one", &json!({"spec": {"words": ["x"]}}), false).unwrap();
    assert_eq!(object.0["spec"]["size"], 1, "the other manager still wants it");
    object.apply("two", &json!({}), false).unwrap();
    assert_eq!(object.0, json!({"spec": {"words": ["x"]}}));
}

#[test]
fn what_a_manager_omits_is_removed() {
    let mut object = Object::new();
    object
        .apply("one", &json!({"spec": {"size": 1, "tags": {"a": "1", "b": "2"}, "names": ["x", "y"]}}), false)
        .unwrap();
    object.apply("two", &json!({"spec": {"tags": {"c": "3"}, "names": ["z"]}}), false).unwrap();
    object.apply("one", &json!({"spec": {"tags": {"b": "2"}}}), false).unwrap();
    assert_eq!(object.0, json!({"spec": {"tags": {"b": "2", "c": "3"}, "names": ["z"]}}));
}

#[test]
fn entries_of_lists_with_keys_merge() {
    let mut object = Object::new();
    object.apply("one", &json!({"spec": {"parts": [{"name": "a", "size": 1}]}}), false).unwrap();
    object.apply("two", &json!({"spec": {"parts": [{"name": "b", "size": 2}]}}), false).unwrap();
    assert_eq!(object.0["spec"]["parts"], json!([{"name": "a", "size": 1}, {"name": "b", "size": 2}]));
    object.apply("two", &json!({"spec": {"parts": [{"name": "a"}]}}), false).unwrap();
    assert_eq!(object.0["spec"]["parts"], json!([{"name": "a", "size": 1}]));
    object.apply("one", &json!({"spec": {"size": 1}}), false).unwrap();
    assert_eq!(object.0["spec"]["parts"], json!([{"name": "a"}]), "the other manager still wants the entry");
}

#[test]
fn lists_without_keys_are_owned_whole() {
    let mut object = Object::new();
    object.apply("one", &json!({"spec": {"words": ["a"]}}), false).unwrap();
    assert!(object.apply("two", &json!({"spec": {"words": ["b"]}}), false).is_err());
    object.apply("two", &json!({"spec": {"words": ["b"]}}), true).unwrap();
    assert_eq!(object.0["spec"]["words"], json!(["b"]));
    assert!(object.owned("one").is_empty());
}

#[test]
fn an_update_takes_what_it_changes() {
    let mut object = Object::new();
    object.apply("one", &json!({"spec": {"size": 1, "tags": {"a": "1"}}}), false).unwrap();
    object.update("editor", json!({"spec": {"size": 2, "tags": {"a": "1"}}}));
    assert_eq!(object.owned("editor"), [".spec.size"]);
    assert!(object.apply("one", &json!({"spec": {"size": 1, "tags": {"a": "1"}}}), false).is_err());
    object.update("editor", json!({"spec": {"tags": {"a": "1"}}}));
    assert!(object.owned("editor").is_empty());
    object.apply("one", &json!({"spec": {"size": 1, "tags": {"a": "1"}}}), false).unwrap();
}

#[test]
fn the_same_configuration_again_changes_nothing() {
    let mut object = Object::new();
    let config = json!({"spec": {"size": 1, "parts": [{"name": "a"}]}});
    object.apply("one", &config, true).unwrap();
    let (value, managers) = (object.0.clone(), object.1.clone());
    object.apply("one", &config, true).unwrap();
    assert_eq!((object.0, object.1), (value, managers));
}
