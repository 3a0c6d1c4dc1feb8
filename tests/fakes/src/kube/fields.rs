//! Sets of fields, as `metadata.managedFields` holds them, and how objects divide into fields.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::schema::{List, Schema};

/// One step from an object to something in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    /// A field or an entry of a map.
    Field(String),
    /// An entry of a list by its keys, as JSON.
    Key(String),
    /// An entry of a set, as JSON.
    Value(String),
}

/// A set of fields, as a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fields(pub BTreeMap<Element, Node>);

/// What a set says about one place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Node {
    /// Whether the place itself is in the set.
    pub member: bool,
    /// What is below it.
    pub below: Fields,
}

/// A part of an object.
pub(super) struct Child<'v, 's> {
    pub element: Element,
    pub value: &'v Value,
    pub schema: Option<&'s Schema>,
    /// Whether it can be owned apart from what is in it.
    pub own: bool,
}

/// The parts of a value; `None` where it is owned as a whole.
pub(super) fn children<'v, 's>(value: &'v Value, schema: Option<&'s Schema>) -> Option<Vec<Child<'v, 's>>> {
    match value {
        Value::Object(fields) if !schema.is_some_and(|schema| schema.atomic_map) => {
            let child = |(name, value): (&'v String, &'v Value)| Child {
                element: Element::Field(name.clone()),
                value,
                schema: schema.and_then(|schema| schema.field(name)),
                own: !schema.is_some_and(|schema| schema.properties.contains_key(name)),
            };
            Some(fields.iter().map(child).collect())
        }
        Value::Array(items) => {
            let list = &schema?.list;
            let inner = schema.and_then(|schema| schema.items.as_deref());
            let child = |value| Some(Child { element: element(list, value)?, value, schema: inner, own: true });
            items.iter().map(child).collect()
        }
        _ => None,
    }
}

/// How an entry of a list is told from others; `None` for lists that are owned as a whole.
pub(super) fn element(list: &List, item: &Value) -> Option<Element> {
    match list {
        List::Atomic => None,
        List::Set => Some(Element::Value(item.to_string())),
        List::Map(keys) => {
            let keys = keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone())));
            Some(Element::Key(Value::Object(keys.collect()).to_string()))
        }
    }
}

/// The part of `value` that `element` leads to.
pub(super) fn part<'v>(value: &'v Value, schema: Option<&Schema>, wanted: &Element) -> Option<&'v Value> {
    match (value, wanted) {
        (Value::Object(fields), Element::Field(name)) => fields.get(name),
        (Value::Array(items), _) => {
            let list = &schema?.list;
            items.iter().find(|item| element(list, item).as_ref() == Some(wanted))
        }
        _ => None,
    }
}

impl Fields {
    /// All fields of a value.
    pub fn of(value: &Value, schema: Option<&Schema>) -> Self {
        let mut set = Self::default();
        for child in children(value, schema).unwrap_or_default() {
            set.0.insert(child.element.clone(), Node::of(&child));
        }
        set
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds all of `other`.
    pub fn join(&mut self, other: &Self) {
        for (element, node) in &other.0 {
            let mine = self.0.entry(element.clone()).or_default();
            mine.member |= node.member;
            mine.below.join(&node.below);
        }
    }

    /// Removes all of `other`.
    pub fn subtract(&mut self, other: &Self) {
        for (element, node) in &other.0 {
            if let Some(mine) = self.0.get_mut(element) {
                mine.member &= !node.member;
                mine.below.subtract(&node.below);
                if !mine.member && mine.below.is_empty() {
                    self.0.remove(element);
                }
            }
        }
    }

    /// What is in both.
    pub fn common(&self, other: &Self) -> Self {
        let both = self.0.iter().filter_map(|(element, mine)| {
            let theirs = other.0.get(element)?;
            let node = Node { member: mine.member && theirs.member, below: mine.below.common(&theirs.below) };
            (node.member || !node.below.is_empty()).then(|| (element.clone(), node))
        });
        Self(both.collect())
    }

    /// The members as paths, in the notation of messages: `.status.conditions[type="Ready"].reason`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, prefix: &str, paths: &mut Vec<String>) {
        for (element, node) in &self.0 {
            let path = format!("{prefix}{}", element.text());
            if node.member {
                paths.push(path.clone());
            }
            node.below.collect(&path, paths);
        }
    }

    /// The form of `fieldsV1`.
    pub fn to_value(&self) -> Value {
        let mut fields = Map::new();
        for (element, node) in &self.0 {
            let mut below = node.below.to_value();
            if node.member && !node.below.is_empty() {
                below["."] = json!({});
            }
            fields.insert(element.key(), below);
        }
        Value::Object(fields)
    }
}

impl Node {
    /// The whole of a part.
    pub fn of(child: &Child<'_, '_>) -> Self {
        let divided = children(child.value, child.schema);
        let empty_map = child.value.as_object().is_some_and(Map::is_empty);
        Self {
            member: child.own || divided.is_none() || empty_map,
            below: if divided.is_some() { Fields::of(child.value, child.schema) } else { Fields::default() },
        }
    }
}

impl Element {
    fn key(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => format!("k:{keys}"),
            Self::Value(value) => format!("v:{value}"),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Field(name) => format!(".{name}"),
            Self::Value(value) => format!("[={value}]"),
            Self::Key(keys) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let mut text = String::from("[");
                for (index, (key, value)) in keys.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{comma}{key}={value}");
                }
                text + "]"
            }
        }
    }
}
