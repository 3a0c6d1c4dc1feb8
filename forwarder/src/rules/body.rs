//! The values a JSON body has at some paths, read without building the document.
//!
//! Everything else is skipped. What another reader might take for something else is an error: a watched name that
//! comes twice or in another case, a value of another type. Errors never quote the body.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::denial::BodyProblem;

/// Values by path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Values(Vec<(&'static str, String)>);

impl Values {
    /// All values at a path.
    pub fn at<'a>(&'a self, path: &'static str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| *found == path).map(|(_, value)| value.as_str())
    }
}

/// Where a structure stands within another of its kind: `(inner, outer)`.
type Recursion = (&'static str, &'static str);

/// Reads the values at `paths`, also below structures that stand within themselves by `recursions`, where they count as
/// those of the outermost. An empty body has none.
pub(super) fn read(
    body: &[u8],
    paths: impl Iterator<Item = &'static str>,
    recursions: &'static [Recursion],
) -> Result<Values, BodyProblem> {
    let mut wanted: Vec<Wanted> = paths.map(|path| Wanted { path, rest: Some(path), outer: None }).collect();
    if body.is_empty() || wanted.is_empty() {
        return Ok(Values::default());
    }
    wanted.extend(recursions.iter().map(|(path, outer)| Wanted { path, rest: Some(path), outer: Some(outer) }));
    let all = wanted.clone();
    let mut found = Found::default();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let seed = Node { all: &all, wanted: &wanted, member: "body", list: false, found: &mut found };
    let read = seed.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match read {
        Ok(()) => Ok(Values(found.values)),
        Err(_) => Err(found.problem.unwrap_or(BodyProblem::Malformed)),
    }
}

/// A path, and what of it lies below the node at hand; `None` at its end.
#[derive(Clone, Copy)]
struct Wanted {
    path: &'static str,
    rest: Option<&'static str>,
    /// Of a recursion: where the outer structure is, whose members are wanted at the end of the path.
    outer: Option<&'static str>,
}

impl Wanted {
    /// Name of the next member, whether it is a list, and what follows.
    fn next(self) -> Option<(&'static str, bool, Self)> {
        let (first, rest) = self.rest?.split_once('.').map_or((self.rest?, None), |(first, rest)| (first, Some(rest)));
        let (name, list) = first.strip_suffix("[]").map_or((first, false), |name| (name, true));
        Some((name, list, Self { rest, ..self }))
    }

    /// This, if it lies below `outer`, as seen from there.
    fn below(self, outer: &str) -> Option<Self> {
        let rest = self.path.strip_prefix(outer)?.strip_prefix('.')?;
        Some(Self { rest: Some(rest), ..self })
    }
}

#[derive(Default)]
struct Found {
    values: Vec<(&'static str, String)>,
    problem: Option<BodyProblem>,
}

/// A value of the document, and what is wanted of it.
struct Node<'a> {
    /// What is wanted of the whole document.
    all: &'a [Wanted],
    /// What is wanted at and below this value.
    wanted: &'a [Wanted],
    /// Name it has, for errors.
    member: &'static str,
    list: bool,
    found: &'a mut Found,
}

impl Node<'_> {
    fn fail<T, E: serde::de::Error>(self, problem: BodyProblem) -> Result<T, E> {
        self.found.problem = Some(problem);
        Err(E::custom("unreadable"))
    }

    fn wrong_type<T, E: serde::de::Error>(self) -> Result<T, E> {
        let problem = BodyProblem::Type(self.member);
        self.fail(problem)
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value as the API has it")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.wrong_type()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.wrong_type()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.wrong_type()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.wrong_type()
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if self.list || self.wanted.iter().any(|wanted| wanted.rest.is_some()) {
            return self.wrong_type();
        }
        self.found.values.extend(self.wanted.iter().map(|wanted| (wanted.path, text.to_owned())));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        if !self.list {
            return self.wrong_type();
        }
        let Self { all, wanted, member, list: _, found } = self;
        while sequence.next_element_seed(Node { all, wanted, member, list: false, found: &mut *found })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.list || self.wanted.iter().any(|wanted| wanted.rest.is_none()) {
            return self.wrong_type();
        }
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key_seed(Key(self.wanted))? {
            let name = match key {
                Member::Skipped => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                Member::Lookalike(name) => return self.fail(BodyProblem::Case(name)),
                Member::Watched(name) => name,
            };
            if !seen.insert(name) {
                return self.fail(BodyProblem::Twice(name));
            }
            let below: Vec<_> =
                self.wanted.iter().filter_map(|wanted| wanted.next()).filter(|next| next.0 == name).collect();
            let list = below.iter().any(|(_, list, _)| *list);
            let wanted: Vec<Wanted> = below.into_iter().flat_map(|(_, _, wanted)| enter(self.all, wanted)).collect();
            let all = self.all;
            map.next_value_seed(Node { all, wanted: &wanted, member: name, list, found: &mut *self.found })?;
        }
        Ok(())
    }
}

/// What is wanted where the document has come to what is `wanted`: that, or, at the end of a recursion, what is wanted of
/// the outer structure.
fn enter(all: &[Wanted], wanted: Wanted) -> Vec<Wanted> {
    match wanted {
        Wanted { rest: None, outer: Some(outer), .. } => all.iter().filter_map(|other| other.below(outer)).collect(),
        other => vec![other],
    }
}

/// What a member's name is among the watched ones.
enum Member {
    Watched(&'static str),
    Lookalike(&'static str),
    Skipped,
}

struct Key<'a>(&'a [Wanted]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Member;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member's name")
    }

    fn visit_str<E>(self, text: &str) -> Result<Member, E> {
        let names = || self.0.iter().filter_map(|wanted| Some(wanted.next()?.0));
        if let Some(name) = names().find(|name| *name == text) {
            return Ok(Member::Watched(name));
        }
        Ok(names().find(|name| name.eq_ignore_ascii_case(text)).map_or(Member::Skipped, Member::Lookalike))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 4] = ["model", "a.b[].model", "a.b[].name", "ids[]"];

    fn values(body: &str) -> Result<Vec<(&'static str, String)>, BodyProblem> {
        read(body.as_bytes(), PATHS.into_iter(), &[]).map(|values| values.0)
    }

    #[test]
    fn a_structure_within_one_of_its_kind_is_read_like_it_at_any_depth() {
        let read = |body: &str| {
            let paths = ["flow.nodes[].model", "other"].into_iter();
            read(body.as_bytes(), paths, &[("flow.nodes[].loop.flow", "flow")])
                .map(|values| values.0.into_iter().map(|(path, value)| format!("{path}={value}")).collect::<Vec<_>>())
        };
        let innermost = r#"{"nodes":[{"model":"c"},{"x":{"model":"no"}}]}"#;
        let inner = format!(r#"{{"nodes":[{{"model":"b","loop":{{"flow":{innermost}}}}}]}}"#);
        let body = format!(r#"{{"flow":{{"nodes":[{{"model":"a"}},{{"loop":{{"flow":{inner}}}}}]}},"nodes":[]}}"#);
        assert_eq!(read(&body).unwrap(), ["a", "b", "c"].map(|model| format!("flow.nodes[].model={model}")));
        let wrong = |innermost: &str| {
            let flow = format!(r#"{{"nodes":[{{"loop":{{"flow":{innermost}}}}}]}}"#);
            read(&format!(r#"{{"flow":{{"nodes":[{{"loop":{{"flow":{flow}}}}}]}}}}"#))
        };
        assert_eq!(wrong(r#"{"nodes":[{"model":1}]}"#), Err(BodyProblem::Type("model")));
        assert_eq!(wrong(r#"{"nodes":[{"Model":"a"}]}"#), Err(BodyProblem::Case("model")));
        assert_eq!(wrong(r#"{"nodes":[],"nodes":[]}"#), Err(BodyProblem::Twice("nodes")));
        assert_eq!(wrong(r#""text""#), Err(BodyProblem::Type("flow")));
        assert_eq!(wrong("null"), Ok(vec![]));
    }

    #[test]
    fn values_are_found_wherever_they_are() {
        let body = r#"{"x":[{"model":"no"}],"a":{"b":[{"model":"m1","name":"n1"},{"y":1},{"model":"m2"}],"model":"no"},
                       "ids":["i1","i2"],"mod\u0065l":"m0","z":1e400}"#;
        let found = values(body).unwrap();
        let pairs: Vec<_> = found.iter().map(|(path, value)| (*path, value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("a.b[].model", "m1"),
                ("a.b[].name", "n1"),
                ("a.b[].model", "m2"),
                ("ids[]", "i1"),
                ("ids[]", "i2"),
                ("model", "m0")
            ]
        );
        assert_eq!(values(""), Ok(vec![]));
        assert_eq!(values(r#"{"model":null,"a":null}"#), Ok(vec![]));
    }

    #[test]
    fn what_could_be_read_otherwise_is_refused() {
        let cases = [
            (r#"{"model":"a","model":"b"}"#, BodyProblem::Twice("model")),
            (r#"{"model":"a","mod\u0065l":"b"}"#, BodyProblem::Twice("model")),
            (r#"{"model":null,"model":"b"}"#, BodyProblem::Twice("model")),
            (r#"{"a":{"b":[]},"a":{"b":[{"model":"x"}]}}"#, BodyProblem::Twice("a")),
            (r#"{"a":{"b":[{"model":"x","model":"y"}]}}"#, BodyProblem::Twice("model")),
            (r#"{"Model":"b"}"#, BodyProblem::Case("model")),
            (r#"{"model":"a","MODEL":"b"}"#, BodyProblem::Case("model")),
            (r#"{"model":["a"]}"#, BodyProblem::Type("model")),
            (r#"{"model":{"id":"a"}}"#, BodyProblem::Type("model")),
            (r#"{"model":1}"#, BodyProblem::Type("model")),
            (r#"{"a":{"b":{"model":"x"}}}"#, BodyProblem::Type("b")),
            (r#"{"a":"x"}"#, BodyProblem::Type("a")),
            (r#"{"ids":"x"}"#, BodyProblem::Type("ids")),
            (r#"["model"]"#, BodyProblem::Type("body")),
            (r#""model""#, BodyProblem::Type("body")),
            (r#"{"model":"a"} {"model":"b"}"#, BodyProblem::Malformed),
            (r#"{"model":"a""#, BodyProblem::Malformed),
            ("\u{feff}{\"model\":\"a\"}", BodyProblem::Malformed),
            ("{'model':'a'}", BodyProblem::Malformed),
            (r#"{"model":"a",}"#, BodyProblem::Malformed),
            (r#"{"model":"\ud800"}"#, BodyProblem::Malformed),
        ];
        for (body, problem) in cases {
            assert_eq!(values(body), Err(problem), "{body}");
        }
        let deep = format!("{{\"x\":{}", "[".repeat(100_000));
        assert_eq!(values(&deep), Err(BodyProblem::Malformed));
    }
}
