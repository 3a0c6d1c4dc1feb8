//! Writes as DynamoDB's `UpdateItem` has them.
//!
//! Attribute names go through placeholders, since some of them are reserved words. An absent count is zero: conditions
//! say so, and sums begin at it. Only `SET` with `+`, `REMOVE` and comparisons are used.
//!
//! Every call makes two of these requests, so the text is written in one go and not by way of a JSON document, which took
//! a quarter of all instructions of a small call.

use aigw_contract::table::{PK, SK};

use super::write::{Change, Guard, Write};

/// Room for the request that reserves a call.
const ROOM: usize = 2_048;
/// Placeholder of false.
const NO: &str = ":no";

/// The `UpdateItem` request that makes a write in the item of these keys, as JSON. DynamoDB answers with the item after it,
/// or as it is where a condition does not hold.
pub fn update_item(table: &str, partition: &str, sort: &str, write: &Write) -> String {
    let Write { guards, changes } = write;
    let mut placeholders = Placeholders::default();
    let condition = placeholders.condition(guards);
    let update = placeholders.update(changes);

    let mut request = String::with_capacity(ROOM);
    request.push_str("{\"TableName\":");
    push_quoted(&mut request, table);
    extend(&mut request, &[",\"Key\":{\"", PK, "\":{\"S\":"]);
    push_quoted(&mut request, partition);
    extend(&mut request, &["},\"", SK, "\":{\"S\":"]);
    push_quoted(&mut request, sort);
    request.push_str("}},\"ReturnValues\":\"ALL_NEW\",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"");
    // Expressions hold nothing that JSON escapes.
    for (member, expression) in [("UpdateExpression", update), ("ConditionExpression", condition)] {
        if !expression.is_empty() {
            extend(&mut request, &[",\"", member, "\":\"", &expression, "\""]);
        }
    }
    placeholders.push_meanings(&mut request);
    request.push('}');
    request
}

/// Placeholders given out so far.
#[derive(Default)]
struct Placeholders<'a> {
    /// `#n` and the position.
    names: Vec<&'a str>,
    /// `:` and the number, with a word for its sign.
    numbers: Vec<i64>,
    /// Whether [`NO`] is used.
    denies: bool,
}

/// A piece of an expression.
#[derive(Clone, Copy)]
enum Piece<'a> {
    /// Itself.
    Text(&'static str),
    /// The placeholder of an attribute's name.
    Name(&'a str),
    /// The placeholder of a number.
    Number(i64),
}
use Piece::{Name, Number, Text};

impl<'a> Placeholders<'a> {
    fn condition(&mut self, guards: &'a [Guard]) -> String {
        let mut condition = String::with_capacity(ROOM / 2);
        let absent_or = |name| [Text("(attribute_not_exists("), Name(name), Text(") OR "), Name(name)];
        for guard in guards {
            condition.push_str(if condition.is_empty() { "" } else { " AND " });
            match guard {
                Guard::Is(name, value) => self.push(&mut condition, &[Name(name), Text(" = "), Number(*value)]),
                Guard::Absent(name) => {
                    self.push(&mut condition, &[Text("attribute_not_exists("), Name(name), Text(")")]);
                }
                Guard::AtMost(name, value) => {
                    self.push(&mut condition, &absent_or(name));
                    self.push(&mut condition, &[Text(" <= "), Number(*value), Text(")")]);
                }
                Guard::Unset(name) => {
                    self.denies = true;
                    self.push(&mut condition, &absent_or(name));
                    self.push(&mut condition, &[Text(" = "), Text(NO), Text(")")]);
                }
            }
        }
        condition
    }

    fn update(&mut self, changes: &'a [Change]) -> String {
        let mut update = String::with_capacity(ROOM / 2);
        let count = |name| [Text(" = if_not_exists("), Name(name), Text(", "), Number(0), Text(")")];
        let mut clause = "SET ";
        for change in changes {
            let (Change::Set(name, _) | Change::Add(name, _) | Change::Copy(name, _)) = change else { continue };
            self.push(&mut update, &[Text(clause), Name(name)]);
            clause = ", ";
            match change {
                Change::Set(_, value) => self.push(&mut update, &[Text(" = "), Number(*value)]),
                Change::Add(name, value) => {
                    self.push(&mut update, &count(name));
                    self.push(&mut update, &[Text(" + "), Number(*value)]);
                }
                Change::Copy(_, from) => self.push(&mut update, &count(from)),
                Change::Remove(_) => {}
            }
        }
        let mut clause = if update.is_empty() { "REMOVE " } else { " REMOVE " };
        for change in changes {
            let Change::Remove(name) = change else { continue };
            self.push(&mut update, &[Text(clause), Name(name)]);
            clause = ", ";
        }
        update
    }

    fn push(&mut self, expression: &mut String, pieces: &[Piece<'a>]) {
        for piece in pieces {
            match *piece {
                Text(text) => expression.push_str(text),
                Name(name) => {
                    let known = self.names.iter().position(|other| *other == name);
                    push_name(expression, known.unwrap_or(self.names.len()));
                    if known.is_none() {
                        self.names.push(name);
                    }
                }
                Number(number) => {
                    push_number(expression, number);
                    if !self.numbers.contains(&number) {
                        self.numbers.push(number);
                    }
                }
            }
        }
    }

    /// The members of the request that say what placeholders stand for.
    fn push_meanings(&self, request: &mut String) {
        let Self { names, numbers, denies } = self;
        let mut opening = ",\"ExpressionAttributeNames\":{\"";
        for (position, name) in names.iter().enumerate() {
            request.push_str(opening);
            push_name(request, position);
            request.push_str("\":");
            push_quoted(request, name);
            opening = ",\"";
        }
        request.push_str(if names.is_empty() { "" } else { "}" });
        let mut opening = ",\"ExpressionAttributeValues\":{\"";
        for number in numbers {
            request.push_str(opening);
            push_number(request, *number);
            extend(request, &["\":{\"N\":\"", itoa::Buffer::new().format(*number), "\"}"]);
            opening = ",\"";
        }
        if *denies {
            extend(request, &[opening, NO, "\":{\"BOOL\":false}"]);
        }
        request.push_str(if numbers.is_empty() && !denies { "" } else { "}" });
    }
}

fn push_name(text: &mut String, position: usize) {
    extend(text, &["#n", itoa::Buffer::new().format(position)]);
}

fn push_number(text: &mut String, number: i64) {
    let sign = if number < 0 { ":minus" } else { ":" };
    extend(text, &[sign, itoa::Buffer::new().format(number.unsigned_abs())]);
}

/// A text as JSON has it.
fn push_quoted(json: &mut String, text: &str) {
    if text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
        // Texts can always be written.
        json.push_str(&serde_json::to_string(text).unwrap_or_default());
    } else {
        extend(json, &["\"", text, "\""]);
    }
}

fn extend(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn members(write: &Write) -> Value {
        serde_json::from_str(&update_item("the-\"table\"", "tenant#t1", "now", write)).unwrap()
    }

    #[test]
    fn a_write_without_conditions_or_changes_names_none() {
        let key = json!({ "pk": { "S": "tenant#t1" }, "sk": { "S": "now" } });
        let both = ("ALL_NEW", "ALL_OLD");
        let expected = json!({
            "TableName": "the-\"table\"", "Key": key, "ReturnValues": both.0,
            "ReturnValuesOnConditionCheckFailure": both.1,
        });
        assert_eq!(members(&Write::default()), expected);
        let removal = Write { guards: vec![Guard::Unset("a".into())], changes: vec![Change::Remove("b".into())] };
        let members = members(&removal);
        assert_eq!(members["UpdateExpression"], "REMOVE #n1");
        assert_eq!(members["ExpressionAttributeValues"], json!({ ":no": { "BOOL": false } }));
    }

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
