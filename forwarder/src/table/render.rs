//! Writes as DynamoDB's `UpdateItem` has them.
//!
//! Attribute names go through placeholders, since some of them are reserved words. An absent count is zero: conditions
//! say so, and sums begin at it. Only `SET` with `+`, `REMOVE` and comparisons are used.
//!
//! Every call makes two of these requests, so the text is written in one go and not by way of a JSON document, which took
//! a quarter of all instructions of a small call.

use std::fmt::{self, Write as _};

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
    // Writing to a string does not fail.
    let mut condition = String::with_capacity(ROOM / 2);
    let _ = placeholders.condition(&mut condition, guards);
    let mut update = String::with_capacity(ROOM / 2);
    let _ = placeholders.update(&mut update, changes);
    let mut request = String::with_capacity(ROOM);
    let _ = placeholders.request(&mut request, [table, partition, sort], &condition, &update);
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

/// A name's placeholder.
struct Name(usize);

/// A number's placeholder.
struct Number(i64);

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "#n{}", self.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, ":{}{}", if self.0 < 0 { "minus" } else { "" }, self.0.unsigned_abs())
    }
}

impl<'a> Placeholders<'a> {
    fn condition(&mut self, out: &mut String, guards: &'a [Guard]) -> fmt::Result {
        for guard in guards {
            out.push_str(if out.is_empty() { "" } else { " AND " });
            match guard {
                Guard::Is(name, value) => write!(out, "{} = {}", self.name(name), self.number(*value))?,
                Guard::Absent(name) => write!(out, "attribute_not_exists({})", self.name(name))?,
                Guard::AtMost(name, value) => {
                    let name = self.name(name);
                    write!(out, "(attribute_not_exists({name}) OR {name} <= {})", self.number(*value))?;
                }
                Guard::Unset(name) => {
                    let name = self.name(name);
                    self.denies = true;
                    write!(out, "(attribute_not_exists({name}) OR {name} = {NO})")?;
                }
            }
        }
        Ok(())
    }

    fn update(&mut self, out: &mut String, changes: &'a [Change]) -> fmt::Result {
        let removes = |change: &&Change| matches!(change, Change::Remove(_));
        for (position, change) in changes.iter().filter(|change| !removes(change)).enumerate() {
            out.push_str(if position == 0 { "SET " } else { ", " });
            match change {
                Change::Set(name, value) => write!(out, "{} = {}", self.name(name), self.number(*value))?,
                Change::Add(name, value) => {
                    let (name, zero) = (self.name(name), self.number(0));
                    write!(out, "{name} = if_not_exists({name}, {zero}) + {}", self.number(*value))?;
                }
                Change::Copy(name, from) => {
                    write!(out, "{} = if_not_exists({}, {})", self.name(name), self.name(from), self.number(0))?;
                }
                Change::Remove(_) => {}
            }
        }
        for (position, change) in changes.iter().filter(removes).enumerate() {
            let Change::Remove(name) = change else { continue };
            let clause = if out.is_empty() { "REMOVE " } else { " REMOVE " };
            write!(out, "{}{}", if position == 0 { clause } else { ", " }, self.name(name))?;
        }
        Ok(())
    }

    /// The whole request. Expressions hold nothing that JSON escapes.
    fn request(&self, out: &mut String, key: [&str; 3], condition: &str, update: &str) -> fmt::Result {
        let Self { names, numbers, denies } = self;
        let [table, partition, sort] = key.map(Quoted);
        write!(out, r#"{{"TableName":{table},"Key":{{"{PK}":{{"S":{partition}}},"{SK}":{{"S":{sort}}}}}"#)?;
        out.push_str(r#","ReturnValues":"ALL_NEW","ReturnValuesOnConditionCheckFailure":"ALL_OLD""#);
        for (member, expression) in [("UpdateExpression", update), ("ConditionExpression", condition)] {
            if !expression.is_empty() {
                write!(out, r#","{member}":"{expression}""#)?;
            }
        }
        if !names.is_empty() {
            out.push_str(r#","ExpressionAttributeNames":"#);
            for (position, name) in names.iter().enumerate() {
                write!(out, r#"{}"{}":{}"#, opening(position == 0), Name(position), Quoted(name))?;
            }
            out.push('}');
        }
        if *denies || !numbers.is_empty() {
            out.push_str(r#","ExpressionAttributeValues":"#);
            for (position, number) in numbers.iter().enumerate() {
                write!(out, r#"{}"{}":{{"N":"{number}"}}"#, opening(position == 0), Number(*number))?;
            }
            if *denies {
                write!(out, r#"{}"{NO}":{{"BOOL":false}}"#, opening(numbers.is_empty()))?;
            }
            out.push('}');
        }
        out.push('}');
        Ok(())
    }

    fn name(&mut self, name: &'a str) -> Name {
        let known = self.names.iter().position(|other| *other == name);
        Name(known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        }))
    }

    fn number(&mut self, number: i64) -> Number {
        if !self.numbers.contains(&number) {
            self.numbers.push(number);
        }
        Number(number)
    }
}

/// What goes before the first member of an object, and before any other.
fn opening(first: bool) -> char {
    if first { '{' } else { ',' }
}

/// A text as JSON has it.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        if text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
            return formatter.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?);
        }
        formatter.write_char('"')?;
        formatter.write_str(text)?;
        formatter.write_char('"')
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
