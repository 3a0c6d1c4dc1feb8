//! What holds for every request and every usage: the bound is one, and an edit changes nothing else.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::fixtures::{claude, metered, world};
use super::*;
use crate::meter::{Reading, Usage};
use aigw_contract::limits::OutputTokens;
use aigw_contract::price::LongContext;

/// Paths of the shapes, and where each has its longest answer.
const SHAPES: [(&str, &[&str]); 7] = [
    ("/model/eu.anthropic.claude-x/converse", &["inferenceConfig", "maxTokens"]),
    ("/model/eu.anthropic.claude-x/invoke", &["max_tokens"]),
    ("/model/amazon.nova-x/invoke", &["inferenceConfig", "maxTokens"]),
    ("/model/meta.llama-x/invoke", &["max_gen_len"]),
    ("/openai/v1/chat/completions", &["max_completion_tokens"]),
    ("/openai/v1/responses", &["max_output_tokens"]),
    ("/anthropic/v1/messages", &["max_tokens"]),
];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[ -~\\n\u{e9}]{0,12}".prop_map(Value::from),
        Just(Value::from("\"inferenceConfig\":{\"maxTokens\":1}")),
    ];
    let key = prop_oneof![Just("inferenceConfig".to_owned()), Just("max_tokens".to_owned()), "[a-z\"\\\\]{0,3}"];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.clone(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A body with anything in it, and perhaps a longest answer.
fn body(fields: Vec<(String, Value)>, path: &[&str], declared: Option<u32>, container: bool) -> Map<String, Value> {
    let mut body: Map<String, Value> = fields.into_iter().collect();
    body.insert("model".into(), "m.x".into());
    let target = match path {
        [outer, _] if container || declared.is_some() => {
            body.insert((*outer).to_owned(), json!({ "temperature": 1, "stop": ["}"] }));
            body.get_mut(*outer).and_then(Value::as_object_mut).unwrap()
        }
        _ => &mut body,
    };
    if let Some(tokens) = declared {
        target.insert((*path.last().unwrap()).to_owned(), tokens.into());
    }
    body
}

/// What is left of a text without the longest common beginning and end that it has with another.
fn changed<'a>(text: &'a [u8], other: &[u8]) -> &'a [u8] {
    let same = text.iter().zip(other).take_while(|(one, two)| one == two).count();
    let (rest, other) = (&text[same..], &other[same..]);
    let same = rest.iter().rev().zip(other.iter().rev()).take_while(|(one, two)| one == two).count();
    &rest[..rest.len() - same]
}

proptest! {
    #[test]
    fn an_edit_changes_the_longest_answer_and_nothing_else(
        fields in prop::collection::vec(("x[a-z\"\\\\\u{e9}]{0,4}", json()), 0..5),
        shape in 0..SHAPES.len(),
        declared in prop::option::of(1..10_000_u32),
        container: bool,
        pretty: bool,
    ) {
        let (path, field) = SHAPES[shape];
        let mut before = body(fields, field, declared, container);
        let text = if pretty { serde_json::to_string_pretty(&before) } else { serde_json::to_string(&before) }.unwrap();
        let bounded = world().runtime(path, &text).unwrap();
        // The parsed body is the same but for the one field.
        let after: Value = serde_json::from_slice(&bounded.body).unwrap();
        let expected = declared.unwrap_or(1000).min(4000);
        match field {
            [outer, inner] => {
                let object = before.entry((*outer).to_owned()).or_insert_with(|| json!({}));
                object[*inner] = expected.into();
            }
            [name] => drop(before.insert((*name).to_owned(), expected.into())),
            _ => unreachable!(),
        }
        prop_assert_eq!(after, Value::Object(before));
        // And its text is the same but for one place.
        let added = String::from_utf8_lossy(changed(&bounded.body, text.as_bytes())).into_owned();
        let removed = String::from_utf8_lossy(changed(text.as_bytes(), &bounded.body)).into_owned();
        prop_assert!(removed.bytes().all(|byte| byte.is_ascii_digit()), "{removed}");
        prop_assert!(added.len() <= 40, "{added}");
        prop_assert!(bounded.amount.tokens >= i64::from(expected));
    }

    /// Whatever the usage within what was declared, at whatever prices: never more than was reserved.
    #[test]
    fn no_call_within_its_maximum_costs_more_than_was_reserved(
        bytes in 0..20_000_usize,
        (input, output) in (0..=1000_u64, 0..=1000_u64),
        (read, write, hour) in (0..=1000_u64, 0..=1000_u64, prop::option::of(0..=1000_u64)),
        maximum in 1..100_000_u32,
        prices in prop::array::uniform5(prop::option::of(0..100_000_000_i64)),
        long in prop::option::of((0..10_000_i64, 0..400_i64, 0..400_i64)),
        (priority, cached, hours) in any::<(bool, bool, bool)>(),
        context in prop::option::of(1..50_000_i64),
    ) {
        let mut world = world();
        world.policy.premiums = vec![Premium::PriorityTier, Premium::HourCache, Premium::LongContext];
        world.policy.limits.max_output_tokens = OutputTokens::default();
        let [one, two, cache_read, cache_write, cache_write_1h] = prices;
        let input_price = one.unwrap_or(3);
        world.prices.models = vec![ModelPrice {
            input: Some(input_price),
            output: Some(two.unwrap_or(7)),
            // No list has a cache that is read for more than the prompt costs.
            cache_read: cache_read.map(|price| price.min(input_price)),
            cache_write,
            cache_write_1h,
            long_context: long.map(|(above_tokens, input_percent, output_percent)| LongContext {
                above_tokens, input_percent, output_percent,
            }),
            context_tokens: context,
            ..claude()
        }];
        let tier = if priority { r#","serviceTier":{"type":"priority"}"# } else { "" };
        let point = match (cached, hours) {
            (_, true) => r#","system":[{"cachePoint":{"type":"default","ttl":"1h"}}]"#,
            (true, false) => r#","system":[{"cachePoint":{"type":"default"}}]"#,
            (false, false) => "",
        };
        let body =
            format!(r#"{{"x":"{}","inferenceConfig":{{"maxTokens":{maximum}}}{tier}{point}}}"#, "y".repeat(bytes));
        let bounded = world.converse(&body).unwrap();
        // A share of the longest prompt that such a body can be, of at most one token a byte, and of the longest answer.
        let longest = u64::try_from(i64::try_from(body.len()).unwrap().min(context.unwrap_or(i64::MAX))).unwrap();
        let (read, write) = if cached || hours { (read, write) } else { (0, 0) };
        let whole = (input + read + write).max(1);
        let share = |part: u64| longest * part / whole;
        let usage = Usage {
            input: Some(share(input)),
            output: Some(u64::from(maximum) * output / 1000),
            cache_read: Some(share(read)),
            cache_write: Some(share(write)),
            cache_write_1h: if hours { hour.map(|hour| share(write) * hour / 1000) } else { Some(0) },
        };
        let actual = bounded.pricing.actual(&metered(Reading::Complete, usage));
        prop_assert!(actual.micro_usd <= bounded.amount.micro_usd, "{actual:?} of {:?}", bounded.amount);
        prop_assert!(actual.micro_usd >= 0);
    }

    #[test]
    fn arbitrary_bodies_never_panic(text in "\\PC{0,60}", json in "[\\[\\]{}\",:a1\\\\ n]{0,40}") {
        for (path, _) in SHAPES {
            for body in [&text, &json, &format!("{{\"inferenceConfig\":{json}}}"), &format!("{{\"max_tokens\":{json}}}")] {
                if let Ok(bounded) = world().runtime(path, body) {
                    prop_assert!(serde_json::from_slice::<Value>(&bounded.body).is_ok(), "{body}");
                }
            }
        }
    }
}
