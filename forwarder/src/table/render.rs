//! Writes as DynamoDB's `UpdateItem` has them.
//!
//! Attribute names go through placeholders, since some of them are reserved words. An absent count is zero: conditions
//! say so, and sums begin at it. Only `SET` with `+`, `REMOVE` and comparisons are used.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::write::{Change, Guard, Write};

/// The members of an `UpdateItem` request that say what is written under which condition.
pub fn members(write: &Write) -> Map<String, Value> {
    let mut text = Text::default();
    let conditions: Vec<String> = write.guards.iter().map(|guard| text.condition(guard)).collect();
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    for change in &write.changes {
        match text.assignment(change) {
            Ok(assignment) => set.push(assignment),
            Err(name) => remove.push(name),
        }
    }
    let mut update = String::new();
    for (clause, parts) in [("SET", set), ("REMOVE", remove)] {
        if !parts.is_empty() {
            let space = if update.is_empty() { "" } else { " " };
            let _ = write!(update, "{space}{clause} {}", parts.join(", "));
        }
    }
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    if !update.is_empty() {
        add("UpdateExpression", update.into());
    }
    if !conditions.is_empty() {
        add("ConditionExpression", conditions.join(" AND ").into());
    }
    if !text.names.is_empty() {
        add("ExpressionAttributeNames", text.names.into());
    }
    if !text.values.is_empty() {
        add("ExpressionAttributeValues", text.values.into());
    }
    members
}

/// Placeholders given out so far.
#[derive(Default)]
struct Text {
    names: Map<String, Value>,
    values: Map<String, Value>,
}

impl Text {
    fn condition(&mut self, guard: &Guard) -> String {
        match guard {
            Guard::Is(name, value) => format!("{} = {}", self.name(name), self.number(*value)),
            Guard::Absent(name) => format!("attribute_not_exists({})", self.name(name)),
            Guard::AtMost(name, value) => {
                let name = self.name(name);
                format!("(attribute_not_exists({name}) OR {name} <= {})", self.number(*value))
            }
            Guard::Unset(name) => {
                let name = self.name(name);
                let value = self.value(":no".to_owned(), json!({ "BOOL": false }));
                format!("(attribute_not_exists({name}) OR {name} = {value})")
            }
        }
    }

    /// The assignment, or the name of what is taken away.
    fn assignment(&mut self, change: &Change) -> Result<String, String> {
        let zero = |text: &mut Self| text.number(0);
        Ok(match change {
            Change::Set(name, value) => format!("{} = {}", self.name(name), self.number(*value)),
            Change::Add(name, value) => {
                let (name, zero) = (self.name(name), zero(self));
                format!("{name} = if_not_exists({name}, {zero}) + {}", self.number(*value))
            }
            Change::Copy(name, from) => {
                let (name, from) = (self.name(name), self.name(from));
                format!("{name} = if_not_exists({from}, {})", zero(self))
            }
            Change::Remove(name) => return Err(self.name(name)),
        })
    }

    fn name(&mut self, name: &str) -> String {
        let known = self.names.iter().find(|(_, value)| *value == name).map(|(placeholder, _)| placeholder.clone());
        known.unwrap_or_else(|| {
            let placeholder = format!("#n{}", self.names.len());
            self.names.insert(placeholder.clone(), name.into());
            placeholder
        })
    }

    fn number(&mut self, number: i64) -> String {
        let sign = if number < 0 { "minus" } else { "" };
        self.value(format!(":{sign}{}", number.unsigned_abs()), json!({ "N": number.to_string() }))
    }

    fn value(&mut self, placeholder: String, value: Value) -> String {
        self.values.insert(placeholder.clone(), value);
        placeholder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_expressions_with_placeholders() {
        let write = Write {
            guards: vec![
                Guard::Is("a".into(), 5),
                Guard::Absent("b".into()),
                Guard::AtMost("c".into(), 7),
                Guard::Unset("d".into()),
            ],
            changes: vec![
                Change::Set("a".into(), 6),
                Change::Add("c".into(), -5),
                Change::Copy("e".into(), "c".into()),
                Change::Remove("f".into()),
                Change::Remove("b".into()),
            ],
        };
        let members = members(&write);
        let condition = "#n0 = :5 AND attribute_not_exists(#n1) AND (attribute_not_exists(#n2) OR #n2 <= :7) AND \
                         (attribute_not_exists(#n3) OR #n3 = :no)";
        assert_eq!(members["ConditionExpression"], condition);
        let update =
            "SET #n0 = :6, #n2 = if_not_exists(#n2, :0) + :minus5, #n4 = if_not_exists(#n2, :0) REMOVE #n5, #n1";
        assert_eq!(members["UpdateExpression"], update);
        let names = json!({ "#n0": "a", "#n1": "b", "#n2": "c", "#n3": "d", "#n4": "e", "#n5": "f" });
        assert_eq!(members["ExpressionAttributeNames"], names);
        assert_eq!(members["ExpressionAttributeValues"][":minus5"], json!({ "N": "-5" }));
    }
}
