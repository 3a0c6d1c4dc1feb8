//! Ways to get a longer answer, a higher price or more input past the bound, each of which has to fail.

use std::time::Instant;

use serde_json::Value;

use super::fixtures::{claude, refused, world};
use super::*;

/// What a tenant can spend: status of the refusal, or the longest answer that Bedrock will read.
fn converse(body: &str) -> Result<Value, u16> {
    let bounded = world().converse(body).map_err(|denial| denial.status.as_u16())?;
    let read: Value = serde_json::from_slice(&bounded.body).unwrap();
    Ok(read["inferenceConfig"]["maxTokens"].clone())
}

#[test]
fn a_look_alike_is_no_maximum() {
    // Somewhere else, in text, in another's name: the default is written.
    for body in [
        r#"{"maxTokens":1}"#,
        r#"{"messages":[{"inferenceConfig":{"maxTokens":1}}]}"#,
        r#"{"x":{"inferenceConfig":{"maxTokens":1}}}"#,
        r#"{"x":"\"inferenceConfig\":{\"maxTokens\":1}"}"#,
        r#"{"inferenceConfig":{"x":{"maxTokens":1}}}"#,
        r#"{"inferenceConfig":{"max_tokens":1}}"#,
        r#"{"x":"}","inferenceConfig":{}}"#,
        "{\"x\":\"\\\\\",\"inferenceConfig\":{}}",
    ] {
        assert_eq!(converse(body), Ok(1000.into()), "{body}");
    }
    // Escaped, it is the same name, and its value is what is replaced.
    let escaped = world().converse(r#"{"inference\u0043onfig":{"max\u0054okens":9000}}"#).unwrap();
    let read = r#"{"inference\u0043onfig":{"max\u0054okens":4000}}"#;
    assert_eq!(escaped.body, read.as_bytes());
    let invoke = world().invoke("anthropic.claude-3", r#"{"max\u005ftokens":9000}"#).unwrap();
    assert_eq!(invoke.body, r#"{"max\u005ftokens":4000}"#.as_bytes());
}

#[test]
fn what_two_readers_could_read_as_two_is_refused() {
    for body in [
        r#"{"inferenceConfig":{"maxTokens":1,"maxTokens":9000}}"#,
        r#"{"inferenceConfig":{"maxTokens":1,"max\u0054okens":9000}}"#,
        r#"{"inferenceConfig":{"maxTokens":1},"inferenceConfig":{}}"#,
        r#"{"inferenceConfig":{"maxTokens":1},"inference\u0043onfig":{"maxTokens":9000}}"#,
        r#"{"inferenceConfig":{"maxtokens":9000}}"#,
        r#"{"InferenceConfig":{"maxTokens":9000}}"#,
        r#"{"inferenceConfig":{"maxTokens":0}}"#,
        r#"{"inferenceConfig":{"maxTokens":-1}}"#,
        r#"{"inferenceConfig":{"maxTokens":1.5}}"#,
        r#"{"inferenceConfig":{"maxTokens":1e3}}"#,
        r#"{"inferenceConfig":{"maxTokens":"1"}}"#,
        r#"{"inferenceConfig":{"maxTokens":true}}"#,
        r#"{"inferenceConfig":{"maxTokens":[1]}}"#,
        r#"{"inferenceConfig":{"maxTokens":{}}}"#,
        r#"{"inferenceConfig":{"maxTokens":9223372036854775808}}"#,
        r#"{"inferenceConfig":{"maxTokens":99999999999999999999999999}}"#,
        r#"{"inferenceConfig":[]}"#,
        r#"{"inferenceConfig":"x"}"#,
        r#"{"inferenceConfig":{}}{"inferenceConfig":{}}"#,
        r#"[{"inferenceConfig":{}}]"#,
        r#"{"inferenceConfig":{"maxTokens":1}"#,
        r#"{"inferenceConfig":{"maxTokens":1},}"#,
        r#"{"inferenceConfig":{"maxTokens":1 2}}"#,
        r#"{"inferenceConfig":{"maxTokens":1}"x":2}"#,
        "{'inferenceConfig':{}}",
        "\u{feff}{}",
        "",
        "null",
        r#"{"serviceTier":{"type":"default","type":"priority"}}"#,
        r#"{"serviceTier":"priority"}"#,
        r#"{"serviceTier":{"type":["priority"]}}"#,
        r#"{"serviceTier":{},"servicetier":{"type":"priority"}}"#,
        r#"{"n":2,"N":9}"#,
    ] {
        assert_eq!(converse(body), Err(400), "{body}");
    }
}

#[test]
fn the_greatest_number_is_lowered_or_reserved() {
    assert_eq!(converse(r#"{"inferenceConfig":{"maxTokens":9223372036854775807}}"#), Ok(4000.into()));
    let mut world = world();
    world.policy.limits.max_output_tokens.max = None;
    let bounded = world.converse(r#"{"inferenceConfig":{"maxTokens":9223372036854775807}}"#).unwrap();
    assert_eq!(bounded.amount, Amount { tokens: i64::MAX, micro_usd: i64::MAX });
    let chat = r#"{"model":"m.x","max_tokens":9223372036854775807,"n":9223372036854775807}"#;
    assert_eq!(world.runtime("/openai/v1/chat/completions", chat).unwrap().amount.tokens, i64::MAX);
}

#[test]
fn fields_passed_on_to_the_model_hold_no_other_maximum() {
    for further in [
        r#"{"max_tokens":9000}"#,
        r#"{"max\u005ftokens":9000}"#,
        r#"{"max_gen_len":1}"#,
        r#"{"n":2}"#,
        r#"{"num_generations":5}"#,
        r#"{"inferenceConfig":{"max_new_tokens":9000}}"#,
        r#"{"inferenceConfig":[]}"#,
        r"[]",
    ] {
        assert_eq!(converse(&format!(r#"{{"additionalModelRequestFields":{further}}}"#)), Err(400), "{further}");
    }
    for further in [r#"{"inferenceConfig":{"topK":20},"thinking":{"budget_tokens":1024}}"#, "null"] {
        assert!(converse(&format!(r#"{{"additionalModelRequestFields":{further}}}"#)).is_ok(), "{further}");
    }
}

#[test]
fn the_number_of_answers_is_a_number() {
    let world = world();
    for n in ["0", "-3", "2.0", "\"2\"", "[]", "1,\"n\":9"] {
        let body = format!(r#"{{"model":"m.x","max_tokens":10,"n":{n}}}"#);
        assert_eq!(refused(world.runtime("/openai/v1/chat/completions", &body)).0, 400, "{n}");
    }
    let body = r#"{"model":"m.x","max_tokens":10,"n":null}"#;
    assert!(world.runtime("/openai/v1/chat/completions", body).is_ok());
}

#[test]
fn a_cache_point_is_found_however_it_is_written() {
    let hour = |body: &str| content::read(body.as_bytes()).unwrap().hour;
    assert!(hour(r#"{"a":[[{"cache\u0050oint":{"ttl":"\u0031h"}}]]}"#));
    assert!(hour(r#"{"cache_control":{"ttl":"5m","ttl":"1h"}}"#));
    assert!(hour(r#"{"cache_control":{"x":{"ttl":"1H"}}}"#));
    assert!(!hour(r#"{"cache_control":{"ttl":"5m"},"ttl":"1h"}"#));
}

#[test]
fn what_a_tool_takes_and_gives_is_text() {
    let found = |body: &str| content::read(body.as_bytes()).unwrap();
    for quiet in [
        r#"{"messages":[{"toolUse":{"input":{"type":"file","s3Location":1,"cachePoint":{"ttl":"1h"}}}}]}"#,
        r#"{"messages":[{"content":[{"json":{"image":{"source":1}}}]}]}"#,
        r#"{"messages":[{"container":1,"conversation":{}}]}"#,
    ] {
        assert_eq!(found(quiet), Content::default(), "{quiet}");
    }
    let schema = r#"{"tools":[{"function":{"parameters":{"properties":{"video":{"source":{}}}}}}]}"#;
    assert_eq!(found(schema), Content { tools: true, ..Content::default() });
    // Outermost, they are what the model reads.
    assert!(found(r#"{"input":[{"content":[{"type":"input_file"}]}]}"#).boundless);
    assert!(found(r#"{"input":{"messages":[{"document":{"source":1}}]}}"#).boundless);
    assert!(found(r#"{"container":"c"}"#).boundless);
    assert_eq!(found(r#"{"parameters":{"image":{"source":1}}}"#).images, 1);
}

#[test]
fn five_megabytes_are_read_in_linear_time() {
    let mut world = world();
    world.prices.models = vec![ModelPrice { context_tokens: None, ..claude() }];
    let size = 5 << 20;
    let filled = |unit: &str| unit.repeat(size / unit.len());
    let bodies = [
        format!(r#"{{"x":"{}"}}"#, filled("y")),
        format!(r#"{{"x":"{}"}}"#, filled("\\\"")),
        format!(r#"{{"x":[{}1]}}"#, filled("1,")),
        format!(r"{{{}}}", (0..size / 16).map(|key| format!("\"k{key}\":1")).collect::<Vec<_>>().join(",")),
        format!("{{{}\"x\":1}}", filled(" ")),
        format!(r#"{{"x":[{}{{}}]}}"#, filled(r#"{"cachePoint":{"ttl":"5m"}},"#)),
        filled("{\"a\":"),
        filled("["),
        format!("{{\"{}", filled("\\u0041")),
        format!(r#"{{"inferenceConfig":{{"maxTokens":{}"#, filled("9")),
    ];
    for body in bodies {
        let start = Instant::now();
        let bounded = world.converse(&body);
        let taken = start.elapsed();
        // Unoptimized, and on a busy machine: what is quadratic takes hours.
        assert!(taken.as_secs() < 20, "{taken:?} for {}", &body[..20]);
        if let Ok(bounded) = bounded {
            let least = i64::try_from(body.len()).unwrap() * 3;
            assert!(bounded.amount.micro_usd > least, "{}", &body[..20]);
        }
    }
}

#[test]
fn a_prediction_is_refused_wherever_a_model_would_read_it() {
    let prediction = r#""prediction":{"type":"content","content":"as it was"}"#;
    let chat = "/openai/v1/chat/completions";
    for (path, body) in [
        (chat, format!(r#"{{"model":"m.x","max_tokens":1,{prediction}}}"#)),
        (chat, format!(r#"{{"model":"m.x",{}}}"#, prediction.replace("pred", r"pr\u0065d"))),
        ("/model/openai.gpt-oss-20b-1:0/invoke", format!(r#"{{"max_tokens":1,{prediction}}}"#)),
        ("/model/m.x/converse", format!(r#"{{"additionalModelRequestFields":{{{prediction}}}}}"#)),
    ] {
        let (status, message) = refused(world().runtime(path, &body));
        assert!(status == 400 && message.contains("\"prediction\""), "{path} {body}: {status} {message}");
    }
    assert!(world().runtime(chat, r#"{"model":"m.x","prediction":null}"#).is_ok());
    assert!(world().converse(r#"{"messages":[{"prediction":1}]}"#).is_ok());
}
