//! Each shape by example: what is read, written and reckoned.

use aigw_contract::Family;
use aigw_contract::limits::OutputTokens;
use aigw_contract::price::LongContext;
use http::StatusCode;

use super::fixtures::{World, claude, entry, metered, refused, text, world};
use super::*;
use crate::meter::{Reading, Usage};

const CHAT: &str = "/openai/v1/chat/completions";
const RESPONSES: &str = "/openai/v1/responses";
const MESSAGES: &str = "/anthropic/v1/messages";

#[test]
fn the_longest_answer_of_every_shape_is_written_in_lowered_or_kept() {
    let world = world();
    // Path, what comes, what goes on.
    let cases = [
        ("/model/m.x/converse", r"{}", r#"{"inferenceConfig":{"maxTokens":1000}}"#),
        (
            "/model/m.x/converse-stream",
            r#"{ "a":1, "inferenceConfig" : { } }"#,
            r#"{ "a":1, "inferenceConfig" : {"maxTokens":1000 } }"#,
        ),
        (
            "/model/m.x/converse",
            r#"{"inferenceConfig":{"topP":1}}"#,
            r#"{"inferenceConfig":{"maxTokens":1000,"topP":1}}"#,
        ),
        ("/model/m.x/converse", r#"{"inferenceConfig":null}"#, r#"{"inferenceConfig":{"maxTokens":1000}}"#),
        (
            "/model/m.x/converse",
            r#"{"inferenceConfig":{"maxTokens": 5000 }}"#,
            r#"{"inferenceConfig":{"maxTokens": 4000 }}"#,
        ),
        (
            "/model/m.x/converse",
            r#"{"inferenceConfig":{"maxTokens":4000}}"#,
            r#"{"inferenceConfig":{"maxTokens":4000}}"#,
        ),
        (CHAT, r#"{"model":"m.x"}"#, r#"{"max_completion_tokens":1000,"model":"m.x"}"#),
        (CHAT, r#"{"model":"m.x","max_tokens":7}"#, r#"{"model":"m.x","max_tokens":7}"#),
        (CHAT, r#"{"max_completion_tokens":null,"model":"m.x"}"#, r#"{"max_completion_tokens":1000,"model":"m.x"}"#),
        (
            CHAT,
            r#"{"max_tokens":9000,"max_completion_tokens":8000,"model":"m.x"}"#,
            r#"{"max_tokens":4000,"max_completion_tokens":4000,"model":"m.x"}"#,
        ),
        (RESPONSES, r#"{"model":"m.x"}"#, r#"{"max_output_tokens":1000,"model":"m.x"}"#),
        (RESPONSES, r#"{"max_output_tokens":4001,"model":"m.x"}"#, r#"{"max_output_tokens":4000,"model":"m.x"}"#),
        (MESSAGES, r#"{"model":"m.x"}"#, r#"{"max_tokens":1000,"model":"m.x"}"#),
        (MESSAGES, r#"{"max_tokens":4001,"model":"m.x"}"#, r#"{"max_tokens":4000,"model":"m.x"}"#),
    ];
    for (path, from, to) in cases {
        let bounded = world.runtime(path, from).unwrap();
        assert_eq!(text(&bounded), to, "{path} {from}");
    }
}

#[test]
fn the_body_of_an_invoke_is_its_models_own() {
    let world = world();
    let cases = [
        ("anthropic.claude-3", r#"{"max_tokens":1000}"#),
        ("us.amazon.nova-pro-v1:0", r#"{"inferenceConfig":{"maxTokens":1000}}"#),
        ("amazon.titan-text-express-v1", r#"{"textGenerationConfig":{"maxTokenCount":1000}}"#),
        ("us.meta.llama4-scout-17b-instruct-v1:0", r#"{"max_gen_len":1000}"#),
        ("mistral.mistral-large-2402-v1:0", r#"{"max_tokens":1000}"#),
        ("deepseek.r1-v1:0", r#"{"max_tokens":1000}"#),
        ("qwen.qwen3-32b-v1:0", r#"{"max_tokens":1000}"#),
        ("cohere.command-r-plus-v1:0", r#"{"max_tokens":1000}"#),
        ("ai21.jamba-1-5-large-v1:0", r#"{"max_tokens":1000}"#),
        ("ai21.j2-ultra-v1", r#"{"maxTokens":1000}"#),
        ("writer.palmyra-x5-v1:0", r#"{"max_tokens":1000}"#),
        ("moonshotai.kimi-k2.5", r#"{"max_tokens":1000}"#),
        ("minimax.minimax-m2", r#"{"max_tokens":1000}"#),
        ("google.gemma-3-27b-it", r#"{"max_tokens":1000}"#),
        ("nvidia.nemotron-nano-9b-v2", r#"{"max_tokens":1000}"#),
        ("zai.glm-4.7", r#"{"max_tokens":1000}"#),
        ("openai.gpt-oss-120b-1:0", r#"{"max_completion_tokens":1000}"#),
        ("amazon.titan-embed-text-v2:0", "{}"),
        ("cohere.embed-v4:0", "{}"),
    ];
    for (model, expected) in cases {
        assert_eq!(text(&world.invoke(model, "{}").unwrap()), expected, "{model}");
    }
    // The older text completions have a name of their own.
    let old = world.invoke("anthropic.claude-v2:1", r#"{"prompt":"x"}"#).unwrap();
    assert_eq!(text(&old), r#"{"max_tokens_to_sample":1000,"prompt":"x"}"#);
    let old = world.invoke("anthropic.claude-v2:1", r#"{"max_tokens_to_sample":9999,"prompt":"x"}"#).unwrap();
    assert_eq!(text(&old), r#"{"max_tokens_to_sample":4000,"prompt":"x"}"#);
    // A name that is another model's is lowered too, and does not count as declared.
    let other = world.invoke("meta.llama3", r#"{"max_tokens":9999}"#).unwrap();
    assert_eq!(text(&other), r#"{"max_gen_len":1000,"max_tokens":4000}"#);
    assert_eq!(other.pricing.reserved(), other.amount);
    // Of a model nobody knows any of the names will do, and one has to be there.
    let known = world.invoke("acme.writer-1", r#"{"max_new_tokens":5000}"#).unwrap();
    assert_eq!(text(&known), r#"{"max_new_tokens":4000}"#);
    let (status, message) = refused(world.invoke("acme.writer-1", "{}"));
    assert!(status == 400 && message.contains("max_tokens"), "{message}");
}

#[test]
fn without_a_default_the_models_own_maximum_counts() {
    let mut world = world();
    world.policy.limits.max_output_tokens = OutputTokens { default: None, max: None };
    assert_eq!(text(&world.converse("{}").unwrap()), r#"{"inferenceConfig":{"maxTokens":64000}}"#);
    let (status, message) = refused(world.runtime("/model/m.x/converse", "{}"));
    assert!(
        status == 400 && message.contains("inferenceConfig.maxTokens") && message.contains("team-a/chat"),
        "{message}"
    );
    world.policy.limits.max_output_tokens.max = Some(500);
    assert_eq!(text(&world.converse("{}").unwrap()), r#"{"inferenceConfig":{"maxTokens":500}}"#);
    assert_eq!(text(&world.runtime("/model/m.x/converse", "{}").unwrap()), r#"{"inferenceConfig":{"maxTokens":500}}"#);
}

#[test]
fn a_tenant_without_such_limits_is_let_alone() {
    let mut world = world();
    world.policy.budgets.clear();
    world.policy.limits = aigw_contract::limits::Limits::default();
    world.encoded = true;
    let bounded = world.converse("not json").unwrap();
    assert_eq!((text(&bounded), bounded.amount), ("not json", Amount { tokens: 3, micro_usd: 0 }));
    assert!(world.runtime("/model/a/b/converse", "x").is_ok(), "nothing to escape");
    // A rate of tokens alone needs no prices.
    world.encoded = false;
    world.prices.models.clear();
    world.policy.limits.tokens_per_minute = Some(1);
    world.policy.limits.max_output_tokens.default = Some(10);
    let bounded = world.converse(r#"{"messages":[{}]}"#).unwrap();
    assert_eq!(bounded.amount, Amount { tokens: 5 + 10, micro_usd: 0 });
}

#[test]
fn an_encoded_body_cannot_be_bounded() {
    let world = World { encoded: true, ..world() };
    assert_eq!(refused(world.converse("{}")).0, 400);
}

#[test]
fn money_is_reserved_for_every_byte_and_the_longest_answer() {
    let world = world();
    let body = r#"{"messages":[],"inferenceConfig":{"maxTokens":2000}}"#;
    let reserved = |input: i64, price: i64| (input * price + 999_999).div_euclid(1_000_000) + 2000 * 15 + 3;
    let bounded = world.converse(body).unwrap();
    let bytes = i64::try_from(body.len()).unwrap();
    assert_eq!(bounded.amount, Amount { tokens: 15 + 2000, micro_usd: reserved(bytes + 512, 3_000_000) });
    // Cache points: at the price of writing.
    let body = r#"{"system":[{"cachePoint":{"type":"default"}}],"inferenceConfig":{"maxTokens":2000}}"#;
    let bytes = i64::try_from(body.len()).unwrap();
    assert_eq!(world.converse(body).unwrap().amount.micro_usd, reserved(bytes + 512, 3_750_000));
    // Tools and pictures have tokens that are not in the body.
    let body =
        r#"{"toolConfig":{},"messages":[{"image":{"source":{"bytes":"AAAA"}}}],"inferenceConfig":{"maxTokens":2000}}"#;
    let bytes = i64::try_from(body.len()).unwrap();
    let bounded = world.converse(body).unwrap();
    assert_eq!(bounded.amount.micro_usd, reserved(bytes + 512 + 4096 + 8192, 3_000_000));
    assert_eq!(bounded.amount.tokens, usual_tokens(bytes - 4) + 1600 + 2000);
    // No more than the model takes.
    let long = format!(r#"{{"inferenceConfig":{{"maxTokens":2000}},"x":"{}"}}"#, "y".repeat(1_000_000));
    let bounded = world.converse(&long).unwrap();
    assert_eq!(bounded.amount, Amount { tokens: 202_000, micro_usd: 200_000 * 3 + 2000 * 15 + 3 });
}

#[test]
fn each_answer_counts() {
    let world = world();
    let tokens = |bounded: &Bounded| bounded.amount.tokens;
    let one = world.runtime(CHAT, r#"{"model":"m.x","max_tokens":100,"n":1}"#).unwrap();
    let three = world.runtime(CHAT, r#"{"model":"m.x","max_tokens":100,"n":3}"#).unwrap();
    assert_eq!(tokens(&three) - tokens(&one), 200);
    let one = world.invoke("cohere.command-text", r#"{"max_tokens":100,"num_generations":1}"#).unwrap();
    let five = world.invoke("cohere.command-text", r#"{"max_tokens":100,"num_generations":5}"#).unwrap();
    assert_eq!(tokens(&five) - tokens(&one), 400);
}

#[test]
fn input_that_is_not_in_the_request_is_as_much_as_the_model_takes() {
    let world = world();
    let most = 200_000 * 3 + 1000 * 15 + 3;
    for block in [
        r#"{"video":{"source":{"s3Location":{"uri":"s3://b/k"}}}}"#,
        r#"{"image":{"source":{"s3Location":{"uri":"s3://b/k"}}}}"#,
        r#"{"document":{"name":"d","source":{"bytes":"AAAA"}}}"#,
        r#"{"x":{"s3Loc\u0061tion":{"uri":"s3://b/k"}}}"#,
        r#"{"type":"document","source":{"type":"url"}}"#,
    ] {
        let body = format!(r#"{{"messages":[{{"content":[{block}]}}]}}"#);
        assert_eq!(world.converse(&body).unwrap().amount.micro_usd, most, "{block}");
        let (status, message) = refused(world.runtime("/model/m.x/converse", &body));
        assert!(status == 400 && message.contains("contextTokens"), "{message}");
    }
    let body = r#"{"model":"m.x","previous_response_id":"resp_1"}"#;
    assert_eq!(refused(world.runtime(RESPONSES, body)).0, 400);
    assert!(world.runtime(RESPONSES, r#"{"model":"m.x","previous_response_id":null}"#).is_ok());
}

#[test]
fn a_stored_prompt_has_its_own_maximum() {
    let mut world = world();
    let arn = "arn:aws:bedrock:eu-central-1:111122223333:prompt/ABCDEFGHIJ:1";
    let ask = |world: &World| {
        world.runtime(&format!("/model/{}/converse", arn.replace('/', "%2F")), r#"{"promptVariables":{}}"#)
    };
    assert_eq!(refused(ask(&world)).0, 400);
    world.prices.models = vec![ModelPrice { pattern: arn.into(), ..claude() }];
    let (status, message) = refused(ask(&world));
    assert!(status == 400 && message.contains("stored prompt"), "{message}");
    world.policy.limits.max_output_tokens.max = None;
    let bounded = ask(&world).unwrap();
    assert_eq!(text(&bounded), r#"{"promptVariables":{}}"#);
    // It may hold cache points.
    let most = (200_000 * 375_i64).div_euclid(100) + 64_000 * 15 + 3;
    assert_eq!(bounded.amount.micro_usd, most);
}

#[test]
fn the_first_entry_that_fits_is_the_price() {
    let list = PriceList {
        revision: String::new(),
        models: vec![
            entry("eu.anthropic.*", 1, 1),
            entry("anthropic.*", 2, 2),
            entry("arn:aws:bedrock:eu-central-1:111122223333:custom-model-deployment/x", 3, 3),
            entry("*", 4, 4),
        ],
    };
    let config = world().config;
    let price = |text: &str| find_input(&list, text, &config);
    assert_eq!(price("eu.anthropic.claude"), Some(1));
    assert_eq!(price("us.anthropic.claude"), Some(2));
    assert_eq!(price("arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude"), Some(2));
    assert_eq!(price("arn:aws:bedrock:eu-central-1:111122223333:inference-profile/eu.anthropic.claude"), Some(1));
    assert_eq!(price("amazon.nova"), Some(4));
    assert_eq!(price("arn:aws:bedrock:eu-central-1:111122223333:custom-model-deployment/x"), Some(3));
    assert_eq!(price("arn:aws:bedrock:eu-central-1:111122223333:custom-model-deployment/y"), None, "has to be listed");
}

fn find_input(list: &PriceList, text: &str, config: &GatewayConfig) -> Option<i64> {
    price::find(list, ModelId::read(text, config.place())?)?.input
}

#[test]
fn an_unknown_price_is_refused_or_the_highest() {
    let mut world = world();
    world.prices.models = vec![claude(), entry("x.dear", 5_000_000, 9_000_000)];
    let (status, message) = refused(world.runtime("/model/m.x/converse", "{}"));
    assert!(status == 403 && message.contains("spec.models.prices") && message.contains("m.x"), "{message}");
    world.config.unknown_price = UnknownPrice::ChargeMaximum;
    let bounded = world.runtime("/model/m.x/converse", "{}").unwrap();
    // Each class at its highest: input of one, output of the other.
    assert_eq!(bounded.amount.micro_usd, (2 + 512) * 5 + 1000 * 15 + 3);
    world.prices.models.clear();
    assert_eq!(refused(world.runtime("/model/m.x/converse", "{}")).0, 403, "no list, no highest price");
    // A class that is missing is unknown.
    world.config.unknown_price = UnknownPrice::Deny;
    world.prices.models = vec![ModelPrice { output: None, ..claude() }];
    assert_eq!(refused(world.converse("{}")).0, 403);
    world.prices.models = vec![ModelPrice { output: None, ..entry("amazon.titan-embed*", 20_000, 0) }];
    assert!(world.invoke("amazon.titan-embed-text-v2:0", r#"{"inputText":"x"}"#).is_ok(), "it has no output");
}

#[test]
fn premiums_have_to_be_granted_and_cost_more() {
    let usual = world();
    let price = |world: &World, body: &str| world.converse(body).map(|bounded| bounded.amount.micro_usd);
    let hour = r#"{"system":[{"cachePoint":{"type":"default","ttl":"1h"}}]}"#;
    let five = r#"{"system":[{"cachePoint":{"type":"default","ttl":"5m"}}]}"#;
    let cases = [
        (world(), r#"{"serviceTier":{"type":"priority"}}"#, Premium::PriorityTier),
        (world(), r#"{"service_tier":"priority"}"#, Premium::PriorityTier),
        (world(), r#"{"additionalModelRequestFields":{"service_tier":"priority"}}"#, Premium::PriorityTier),
        (world().header("x-amzn-bedrock-service-tier", "Priority"), "{}", Premium::PriorityTier),
        (world(), hour, Premium::HourCache),
        (world(), r#"{"performanceConfig":{"latency":"optimized"}}"#, Premium::OptimizedLatency),
        (world().header("x-amzn-bedrock-performanceconfig-latency", "optimized"), "{}", Premium::OptimizedLatency),
    ];
    for (mut world, body, premium) in cases {
        let (status, message) = refused(world.converse(body));
        let named = message.contains(&format!("{premium:?}")) && message.contains("\"default\"");
        assert!(status == 403 && named && message.contains("allow.premiums"), "{message}");
        world.policy.premiums = vec![premium];
        world.prices.models[0].optimized_percent = Some(150);
        assert!(price(&world, body).unwrap() > price(&usual, five).unwrap(), "{body}");
    }
    for body in [r#"{"serviceTier":{"type":"flex"}}"#, r#"{"performanceConfig":{"latency":"standard"}}"#, five] {
        assert!(price(&usual, body).is_ok(), "{body}");
    }
    assert_eq!(refused(usual.converse(r#"{"serviceTier":{"type":"turbo"}}"#)).0, 400);
    // Granted, and its price not known.
    let mut granted = world();
    granted.policy.premiums = vec![Premium::OptimizedLatency];
    assert_eq!(refused(granted.converse(r#"{"performanceConfig":{"latency":"optimized"}}"#)).0, 403);
    // A tool's argument of that name is no cache point.
    assert!(price(&usual, r#"{"messages":[{"toolUse":{"input":{"ttl":"1h"}}}]}"#).is_ok());
}

#[test]
fn a_long_prompt_is_reserved_at_its_price_and_refused_where_it_likely_is_one() {
    let mut world = world();
    world.prices.models[0].long_context =
        Some(LongContext { above_tokens: 1000, input_percent: 200, output_percent: 150 });
    let body = |bytes: usize| format!(r#"{{"x":"{}"}}"#, "y".repeat(bytes));
    let price = |world: &World, bytes| world.converse(&body(bytes)).map(|bounded| bounded.amount.micro_usd);
    assert_eq!(price(&world, 100), Ok((108 + 512) * 3 + 1000 * 15 + 3));
    assert_eq!(price(&world, 2000), Ok((2008 + 512) * 6 + 1500 * 15 + 3));
    let (status, message) = refused(world.converse(&body(4000)));
    assert!(status == 403 && message.contains("LongContext"), "{message}");
    world.policy.premiums = vec![Premium::LongContext];
    assert!(price(&world, 4000).is_ok());
}

#[test]
fn what_reports_nothing_follows_the_gateway() {
    let mut world = world();
    let cases = [
        (Family::BedrockRuntime, "/guardrail/g/version/1/apply"),
        (Family::BedrockRuntime, "/something-new"),
        (Family::BedrockRuntime, "/model/amazon.nova-canvas-v1:0/invoke"),
        (Family::BedrockRuntime, "/model/cohere.rerank-v3-5:0/invoke"),
        (Family::BedrockAgentRuntime, "/retrieveAndGenerate"),
        (Family::BedrockAgentRuntime, "/agents/a/agentAliases/b/sessions/s/text"),
        (Family::BedrockAgentcore, "/harnesses/invoke"),
    ];
    for (family, path) in cases {
        world.config.unmetered = Unmetered::Deny;
        let (status, message) = refused(world.ask(family, path, "abc"));
        assert!(status == 403 && message.contains("spec.bedrock.unmetered"), "{path}: {message}");
        world.config.unmetered = Unmetered::Charge;
        world.config.unmetered_micro_usd = 10_000;
        let bounded = world.ask(family, path, "abc").unwrap();
        assert_eq!((text(&bounded), bounded.amount), ("abc", Amount { tokens: 1, micro_usd: 10_000 }), "{path}");
        assert_eq!(bounded.pricing.actual(&metered(Reading::Unknown, Usage::default())).micro_usd, 10_000);
        world.config.unmetered = Unmetered::Allow;
        assert_eq!(world.ask(family, path, "abc").unwrap().amount.micro_usd, 0, "{path}");
        world.config.unmetered = Unmetered::Deny;
        let without = World { policy: TenantPolicy { budgets: Vec::new(), ..world.policy.clone() }, ..world.clone() };
        assert!(path.ends_with("invoke") || without.ask(family, path, "abc").is_ok(), "{path}");
    }
    // A picture that is embedded has a price of its own.
    let embed = |body| world.invoke("cohere.embed-v4:0", body).map_err(|denial| denial.status.as_u16());
    assert!(embed(r#"{"texts":["x"]}"#).is_ok());
    assert_eq!(embed(r#"{"images":["data:image/png;base64,AAAA"]}"#).map(drop), Err(403));
    let free = world.runtime("/model/m.x/count-tokens", "not read").unwrap();
    assert_eq!((text(&free), free.amount), ("not read", Amount::default()));
    assert_eq!(free.pricing.actual(&metered(Reading::Free, Usage::default())), Amount::default());
    world.config.unmetered = Unmetered::Allow;
    let unescaped = "/model/arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude/converse";
    assert_eq!(refused(world.runtime(unescaped, "{}")).0, 400, "no call of a model passes as something new");
}

#[test]
fn shadow_changes_and_denies_nothing() {
    let mut world = world();
    world.policy.enforcement = Enforcement::Shadow;
    let bounded = world.converse(r#"{"inferenceConfig":{"maxTokens":9000}}"#).unwrap();
    assert_eq!(text(&bounded), r#"{"inferenceConfig":{"maxTokens":9000}}"#);
    assert!(bounded.shadowed.is_none() && bounded.amount.micro_usd > 4000 * 15);
    let bounded = world.converse(r#"{"serviceTier":{"type":"priority"}}"#).unwrap();
    assert_eq!(bounded.shadowed.map(|denial| denial.status), Some(StatusCode::FORBIDDEN));
    assert_eq!(text(&world.converse("junk").unwrap()), "junk");
}

#[test]
fn what_it_cost_is_told_from_its_usage() {
    let mut world = world();
    let usage = Usage {
        input: Some(1000),
        output: Some(100),
        cache_read: Some(2000),
        cache_write: Some(500),
        cache_write_1h: Some(200),
    };
    let pricing = world.converse("{}").unwrap().pricing;
    let complete = |pricing: Pricing, usage| pricing.actual(&metered(Reading::Complete, usage));
    // 3000 + 600 + 300 × 3.75 + 200 × 6 + 1500.
    assert_eq!(complete(pricing, usage), Amount { tokens: 3600, micro_usd: 3000 + 600 + 1125 + 1200 + 1500 });
    let untold = Usage { cache_write_1h: None, ..usage };
    assert_eq!(complete(pricing, untold).micro_usd, 3000 + 600 + 1875 + 1500);
    // Each class is rounded up.
    let one = Usage { input: Some(1), output: Some(0), cache_read: Some(1), cache_write: None, cache_write_1h: None };
    assert_eq!(complete(pricing, one).micro_usd, 3 + 1);
    // Unless all was used and told, what was reserved.
    assert_eq!(pricing.actual(&metered(Reading::Unknown, Usage::default())), pricing.reserved());
    assert_eq!(pricing.actual(&metered(Reading::Partial, one)), pricing.reserved());
    assert_eq!(pricing.actual(&metered(Reading::Free, Usage::default())), Amount::default());
    let more = Usage { output: Some(1_000_000), ..one };
    assert_eq!(pricing.actual(&metered(Reading::Partial, more)).micro_usd, 4 + 15_000_000, "at least that much");
    assert_eq!(complete(pricing, more).micro_usd, 4 + 15_000_000);
    // With premiums; an unknown lifetime is an hour where one was asked for.
    world.policy.premiums = vec![Premium::PriorityTier, Premium::HourCache];
    let body = r#"{"serviceTier":{"type":"priority"},"system":[{"cachePoint":{"ttl":"1h"}}]}"#;
    let pricing = world.converse(body).unwrap().pricing;
    let premium = |micro_usd: i64| (micro_usd * 175).div_euclid(100);
    assert_eq!(complete(pricing, untold).micro_usd, premium(3000) + premium(600) + premium(3000) + premium(1500));
    // By the real length of the prompt.
    world.prices.models[0].long_context =
        Some(LongContext { above_tokens: 3499, input_percent: 200, output_percent: 150 });
    let pricing = world.converse("{}").unwrap().pricing;
    assert_eq!(complete(pricing, usage).micro_usd, 2 * (3000 + 600 + 1125 + 1200) + 2250);
    let shorter = Usage { input: Some(999), ..usage };
    assert_eq!(complete(pricing, shorter).micro_usd, 2997 + 600 + 1125 + 1200 + 1500);
}
