//! Label and field selectors.

use serde_json::Value;

use super::kinds::Kind;
use super::refusal::Refusal;

/// What a list or a watch is limited to.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    labels: Vec<Term>,
    fields: Vec<Term>,
}

#[derive(Debug, Clone)]
struct Term {
    name: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    In(Vec<String>),
    /// Holds for labels that are absent, too.
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Selector {
    pub fn parse(labels: &str, fields: &str, kind: &Kind) -> Result<Self, Refusal> {
        let labels = terms(labels).iter().map(|term| parse(term)).collect::<Option<Vec<_>>>();
        let labels = labels.ok_or_else(|| Refusal::bad_request("unable to parse requirement"))?;
        let fields = terms(fields).iter().map(|term| parse(term)).collect::<Option<Vec<_>>>();
        let fields = fields.ok_or_else(|| Refusal::bad_request("invalid field selector"))?;
        for Term { name, .. } in &fields {
            let known = name == "metadata.name"
                || (name == "metadata.namespace" && kind.namespaced)
                || selectable(kind, name)
                || kind.definition.is_none();
            if !known {
                return Err(Refusal::bad_request(format!("field label not supported: {name}")));
            }
        }
        Ok(Self { labels, fields })
    }

    pub fn matches(&self, value: &Value, kind: &Kind) -> bool {
        let labels = &value["metadata"]["labels"];
        let label = |term: &Term| term.test.holds(labels.get(&term.name).and_then(Value::as_str));
        // Fields that are absent count as empty.
        let field = |term: &Term| term.test.holds(Some(field(value, kind, &term.name).unwrap_or_default().as_str()));
        self.labels.iter().all(label) && self.fields.iter().all(field)
    }
}

fn selectable(kind: &Kind, name: &str) -> bool {
    kind.definition.iter().flat_map(|definition| &definition.selectable).any(|(field, _)| field == name)
}

fn field(value: &Value, kind: &Kind, name: &str) -> Option<String> {
    let selectable = kind.definition.iter().flat_map(|definition| &definition.selectable);
    let found = match selectable.into_iter().find(|(field, _)| field == name) {
        Some((_, path)) => path.find(value)?,
        None => name.split('.').try_fold(value, |value, part| value.get(part))?,
    };
    Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
}

/// Terms between commas that are in no parentheses.
fn terms(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut terms) = (0_i32, 0, Vec::new());
    for (index, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                terms.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms.into_iter().map(str::trim).filter(|term| !term.is_empty()).collect()
}

fn parse(term: &str) -> Option<Term> {
    let make = |name: &str, test| Some(Term { name: name.trim().to_owned(), test });
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some((name, value)) = term.split_once("!=") {
        return make(name, Test::NotIn(one(value)));
    }
    if let Some((name, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return make(name, Test::In(one(value)));
    }
    if let Some(name) = term.strip_prefix('!') {
        return make(name, Test::Absent);
    }
    if let Some((head, values)) = term.split_once('(') {
        let values = values.strip_suffix(')')?.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        let name = words.next()?;
        return match words.next()? {
            "in" => make(name, Test::In(values)),
            "notin" => make(name, Test::NotIn(values)),
            _ => None,
        };
    }
    make(term, Test::Exists)
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let among = |values: &[String]| value.is_some_and(|value| values.iter().any(|wanted| wanted == value));
        match self {
            Self::In(values) => among(values),
            Self::NotIn(values) => !among(values),
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_matched() {
        let kinds = crate::kube::kinds::built_in();
        let kind = &kinds[&(String::new(), "secrets".to_owned())];
        let object = json!({"metadata": {"name": "x", "labels": {"a": "1", "b": "2"}}});
        for (selector, expected) in [
            ("a=1,b==2", true),
            ("a!=1", false),
            ("c!=1", true),
            ("a in (1, 2),b", true),
            ("a notin (1,2)", false),
            ("!c", true),
            ("c", false),
        ] {
            let parsed = Selector::parse(selector, "metadata.name=x", kind).unwrap();
            assert_eq!(parsed.matches(&object, kind), expected, "{selector}");
        }
    }
}
