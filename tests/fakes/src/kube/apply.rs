//! Server-side apply: who owns which field, what a manager's new configuration adds, takes and gives up.

use serde_json::{Value, json};

use super::fields::{Element, Fields, Node, children, element, part};
use super::refusal::{Cause, Refusal};
use super::schema::{List, Schema};

/// How a manager writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

/// One owner of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manager {
    pub name: String,
    pub operation: Operation,
    /// `status`, or empty.
    pub subresource: String,
    pub api_version: String,
    /// When its fields last changed.
    pub time: String,
    pub fields: Fields,
}

impl Manager {
    fn is(&self, other: &Self) -> bool {
        (&self.name, self.operation, &self.subresource) == (&other.name, other.operation, &other.subresource)
    }

    fn order(&self) -> (Operation, &str, &str, &str) {
        (self.operation, &self.time, &self.name, &self.subresource)
    }

    /// Its entry in `metadata.managedFields`.
    pub fn to_value(&self) -> Value {
        let operation = match self.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        };
        let mut entry = json!({
            "manager": self.name, "operation": operation, "apiVersion": self.api_version, "time": self.time,
            "fieldsType": "FieldsV1", "fieldsV1": self.fields.to_value(),
        });
        if !self.subresource.is_empty() {
            entry["subresource"] = json!(self.subresource);
        }
        entry
    }
}

/// Replaces or adds `manager`; without fields it goes. Its time stays where its fields do.
fn put(managers: &mut Vec<Manager>, mut manager: Manager) {
    let place = managers.iter().position(|other| other.is(&manager));
    if let Some(old) = place.map(|place| managers.remove(place))
        && old.fields == manager.fields
    {
        manager.time = old.time;
    }
    managers.push(manager);
    managers.retain(|manager| !manager.fields.is_empty());
    managers.sort_by(|one, other| one.order().cmp(&other.order()));
}

/// Applies `config`, which holds only what can be owned, for `manager`, whose fields are still to be found out. Gives the
/// object with everything else of `live` as it was.
pub(super) fn apply(
    live: &Value,
    config: &Value,
    schema: &Schema,
    managers: &mut Vec<Manager>,
    mut manager: Manager,
    force: bool,
) -> Result<Value, Refusal> {
    let schema = Some(schema);
    manager.fields = Fields::of(config, schema);
    let mut merged = merge(live, config, schema);
    let Changes { changed, .. } = changes(live, &merged, schema);
    settle(managers, &manager, &changed, force)?;
    let others: Vec<Fields> =
        managers.iter().filter(|other| !other.is(&manager)).map(|other| other.fields.clone()).collect();
    if let Some(before) = managers.iter().find(|other| other.is(&manager)) {
        let others: Vec<_> = others.iter().collect();
        give_up(&mut merged, schema, &before.fields, &manager.fields, &others);
    }
    put(managers, manager);
    Ok(merged)
}

/// Takes from the others what changed, or refuses where it is not to be forced.
fn settle(managers: &mut Vec<Manager>, manager: &Manager, changed: &Fields, force: bool) -> Result<(), Refusal> {
    let mut causes = Vec::new();
    for other in managers.iter().filter(|other| !other.is(manager)) {
        let subresource = match other.subresource.as_str() {
            "" => String::new(),
            name => format!(" with subresource {name:?}"),
        };
        let update = if other.operation == Operation::Update { format!(" at {}", other.time) } else { String::new() };
        let with = format!("conflict with {:?}{subresource} using {}{update}", other.name, other.api_version);
        for path in other.fields.common(changed).paths() {
            causes.push(Cause::new("FieldManagerConflict", path, with.clone()));
        }
    }
    if !force && !causes.is_empty() {
        let plural = if causes.len() == 1 { "" } else { "s" };
        let list: Vec<_> = causes.iter().map(|cause| format!("{}: {}", cause.message, cause.field)).collect();
        let message = format!("Apply failed with {} conflict{plural}: {}", causes.len(), list.join("\n- "));
        return Err(Refusal::ownership(&causes, message));
    }
    for other in managers.iter_mut().filter(|other| !other.is(manager)) {
        other.fields.subtract(changed);
    }
    managers.retain(|other| !other.fields.is_empty());
    Ok(())
}

/// Records a write that was no apply: what it changed belongs to `manager` now, what it removed to nobody.
pub(super) fn record_update(
    old: &Value,
    new: &Value,
    schema: &Schema,
    managers: &mut Vec<Manager>,
    mut manager: Manager,
) {
    let Changes { changed, removed } = changes(old, new, Some(schema));
    let mut mine =
        managers.iter().find(|other| other.is(&manager)).map(|found| found.fields.clone()).unwrap_or_default();
    mine.join(&changed);
    for other in managers.iter_mut().filter(|other| !other.is(&manager)) {
        other.fields.subtract(&changed);
    }
    mine.subtract(&removed);
    for other in managers.iter_mut() {
        other.fields.subtract(&removed);
    }
    managers.retain(|other| !other.fields.is_empty() || other.is(&manager));
    manager.fields = mine;
    put(managers, manager);
}

/// What differs between two objects.
#[derive(Debug, Default)]
struct Changes {
    changed: Fields,
    removed: Fields,
}

fn changes(old: &Value, new: &Value, schema: Option<&Schema>) -> Changes {
    let mut found = Changes::default();
    if old == new {
        return found;
    }
    for child in children(new, schema).unwrap_or_default() {
        let Some(before) = part(old, schema, &child.element) else {
            found.changed.0.insert(child.element.clone(), Node::of(&child));
            continue;
        };
        if before == child.value {
            continue;
        }
        let divided = children(before, child.schema).is_some() && children(child.value, child.schema).is_some();
        if divided {
            let Changes { changed, removed } = changes(before, child.value, child.schema);
            for (below, all) in [(changed, &mut found.changed), (removed, &mut found.removed)] {
                if !below.is_empty() {
                    all.0.insert(child.element.clone(), Node { member: false, below });
                }
            }
        } else {
            found.changed.0.insert(child.element.clone(), Node { member: true, below: Fields::default() });
        }
    }
    for child in children(old, schema).unwrap_or_default() {
        if part(new, schema, &child.element).is_none() {
            let node = Node { member: true, ..Node::of(&child) };
            found.removed.0.insert(child.element, node);
        }
    }
    found
}

/// `live` with everything of `config`.
fn merge(live: &Value, config: &Value, schema: Option<&Schema>) -> Value {
    match (live, config) {
        (Value::Object(old), Value::Object(new)) if !schema.is_some_and(|schema| schema.atomic_map) => {
            let mut merged = old.clone();
            for (name, value) in new {
                let inner = schema.and_then(|schema| schema.field(name));
                let value = old.get(name).map_or_else(|| value.clone(), |before| merge(before, value, inner));
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Array(old), Value::Array(new)) if schema.is_some_and(|schema| schema.list != List::Atomic) => {
            let list = schema.map(|schema| schema.list.clone()).unwrap_or_default();
            let inner = schema.and_then(|schema| schema.items.as_deref());
            let mut merged = old.clone();
            for item in new {
                let wanted = element(&list, item);
                match merged.iter_mut().find(|before| element(&list, before) == wanted) {
                    Some(before) => *before = merge(before, item, inner),
                    None => merged.push(item.clone()),
                }
            }
            Value::Array(merged)
        }
        _ => config.clone(),
    }
}

/// Removes what a manager owned `before` and wants no more, unless somebody else owns it.
fn give_up(value: &mut Value, schema: Option<&Schema>, before: &Fields, now: &Fields, others: &[&Fields]) {
    for (step, node) in &before.0 {
        let theirs: Vec<_> = others.iter().filter_map(|other| other.0.get(step)).map(|node| &node.below).collect();
        if now.0.contains_key(step) || !theirs.is_empty() {
            let wanted = now.0.get(step).map(|node| node.below.clone()).unwrap_or_default();
            let inner = inner_schema(schema, step);
            if let Some(below) = part_mut(value, schema, step) {
                give_up(below, inner, &node.below, &wanted, &theirs);
            }
            continue;
        }
        match (&mut *value, step) {
            (Value::Object(fields), Element::Field(name)) => drop(fields.remove(name)),
            (Value::Array(items), _) => {
                let list = schema.map(|schema| schema.list.clone()).unwrap_or_default();
                items.retain(|item| element(&list, item).as_ref() != Some(step));
            }
            _ => {}
        }
    }
}

fn inner_schema<'s>(schema: Option<&'s Schema>, step: &Element) -> Option<&'s Schema> {
    match step {
        Element::Field(name) => schema?.field(name),
        Element::Key(_) | Element::Value(_) => schema?.items.as_deref(),
    }
}

fn part_mut<'v>(value: &'v mut Value, schema: Option<&Schema>, wanted: &Element) -> Option<&'v mut Value> {
    match (value, wanted) {
        (Value::Object(fields), Element::Field(name)) => fields.get_mut(name),
        (Value::Array(items), _) => {
            let list = &schema?.list;
            items.iter_mut().find(|item| element(list, item).as_ref() == Some(wanted))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
