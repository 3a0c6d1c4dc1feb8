//! DynamoDB's expressions, as far as the functions write them, read as its reference describes them: operands may be names,
//! values or `if_not_exists`; an absent attribute fulfils no comparison; all is reckoned from the item as it was.

use serde_json::{Map, Value, json};

/// The item after an `UpdateItem`; none where its condition does not hold.
pub fn update(item: Option<&Value>, input: &Value) -> Option<Value> {
    let before = item.cloned().unwrap_or_else(|| json!({}));
    let before = before.as_object().unwrap();
    if let Some(condition) = input["ConditionExpression"].as_str() {
        let mut reader = Reader::new(condition, input, before);
        let holds = reader.either();
        assert!(reader.tokens.is_empty(), "{condition}");
        if !holds {
            return None;
        }
    }
    let expression = input["UpdateExpression"].as_str().unwrap();
    let mut reader = Reader::new(expression, input, before);
    let mut after = before.clone();
    let mut changed = Vec::new();
    while let Some(clause) = reader.take() {
        loop {
            let name = reader.name();
            assert!(!changed.contains(&name), "{name} is changed twice: {expression}");
            changed.push(name.clone());
            match clause.as_str() {
                "SET" => {
                    reader.expect("=");
                    after.insert(name, reader.sum());
                }
                "REMOVE" => drop(after.remove(&name)),
                other => panic!("{other} is no clause"),
            }
            if !reader.skip(",") {
                break;
            }
        }
    }
    Some(Value::Object(after))
}

struct Reader<'a> {
    tokens: Vec<String>,
    input: &'a Value,
    item: &'a Map<String, Value>,
}

impl<'a> Reader<'a> {
    fn new(expression: &str, input: &'a Value, item: &'a Map<String, Value>) -> Self {
        let spaced: String = expression
            .chars()
            .flat_map(|letter| match letter {
                '(' | ')' | ',' => vec![' ', letter, ' '],
                other => vec![other],
            })
            .collect();
        let tokens = spaced.split_whitespace().rev().map(str::to_owned).collect();
        Self { tokens, input, item }
    }

    fn take(&mut self) -> Option<String> {
        self.tokens.pop()
    }

    fn skip(&mut self, token: &str) -> bool {
        let found = self.tokens.last().is_some_and(|next| next == token);
        if found {
            self.tokens.pop();
        }
        found
    }

    fn expect(&mut self, token: &str) {
        assert!(self.skip(token), "{token} expected before {:?}", self.tokens);
    }

    fn name(&mut self) -> String {
        let token = self.take().unwrap();
        self.input["ExpressionAttributeNames"][&token].as_str().unwrap_or_else(|| panic!("no name {token}")).to_owned()
    }

    fn either(&mut self) -> bool {
        let mut holds = self.both();
        while self.skip("OR") {
            holds |= self.both();
        }
        holds
    }

    fn both(&mut self) -> bool {
        let mut holds = self.condition();
        while self.skip("AND") {
            holds &= self.condition();
        }
        holds
    }

    fn condition(&mut self) -> bool {
        if self.skip("(") {
            let holds = self.either();
            self.expect(")");
            return holds;
        }
        if self.skip("attribute_not_exists") {
            self.expect("(");
            let name = self.name();
            self.expect(")");
            return !self.item.contains_key(&name);
        }
        let left = self.operand();
        let comparison = self.take().unwrap();
        let right = self.operand();
        let (Some(left), Some(right)) = (left, right) else { return false };
        match comparison.as_str() {
            "=" => left == right,
            "<=" => number(&left) <= number(&right),
            other => panic!("{other} is no comparison"),
        }
    }

    fn sum(&mut self) -> Value {
        let first = self.operand().expect("an absent attribute is no operand");
        if !self.skip("+") {
            return first;
        }
        let second = self.operand().expect("an absent attribute is no operand");
        json!({ "N": (number(&first) + number(&second)).to_string() })
    }

    fn operand(&mut self) -> Option<Value> {
        if self.skip("if_not_exists") {
            self.expect("(");
            let name = self.name();
            self.expect(",");
            let otherwise = self.operand();
            self.expect(")");
            return self.item.get(&name).cloned().or(otherwise);
        }
        if self.tokens.last().unwrap().starts_with(':') {
            let token = self.take().unwrap();
            let value = &self.input["ExpressionAttributeValues"][&token];
            assert!(!value.is_null(), "no value {token}");
            return Some(value.clone());
        }
        let name = self.name();
        self.item.get(&name).cloned()
    }
}

fn number(value: &Value) -> i64 {
    value["N"].as_str().unwrap_or_else(|| panic!("{value} is no number")).parse().unwrap()
}
