//! Limits, from the event to the table and back: what is written for a call, what is denied and how it reads, and that
//! nothing stays reserved however a call ends.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::http::full;
use crate::support::runtime_api::{Seen, Streamed};
use crate::support::world::{PRICED, PRICED_BODY, World, converse, error, event, month};

/// Minutes by which a test's minute is ahead of the clock, so that it does not end during the test: windows never go back.
const AHEAD: i64 = 10_000;

pub(crate) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Sets numbers of the tenant's meter.
fn set(world: &World, numbers: &[(&str, i64)]) {
    let attributes = numbers.iter().map(|(name, number)| ((*name).to_owned(), json!({ "N": number.to_string() })));
    world.table.merge("meter#t1", "now", &Value::Object(attributes.collect()));
}

pub(crate) fn number(world: &World, name: &str) -> i64 {
    world.table.number("meter#t1", "now", name)
}

fn header<'a>(response: &'a Streamed, name: &str) -> Option<&'a str> {
    response.prelude["multiValueHeaders"][name][0].as_str()
}

/// Bytes of the line of a metered call, rounded up.
const LINE_BYTES: usize = 1_150;

fn limits(limits: &Value) -> Value {
    json!({ "limits": limits })
}

fn usage() -> Value {
    event("GET", "/.aigw/usage")
}

/// A call of a model whose price is known.
pub(crate) fn priced(world: &World) -> Value {
    world.set_prices();
    let mut call = event("POST", PRICED);
    call["body"] = PRICED_BODY.into();
    call
}

/// Bedrock answers that a call used ten tokens of input and five of output.
pub(crate) fn used_fifteen(world: &World) {
    let body = r#"{"usage":{"inputTokens":10,"outputTokens":5}}"#;
    let response = Response::builder().header("content-type", "application/json").body(full(body)).unwrap();
    world.bedrock.answer(response);
}

/// What is in flight when a response has ended is not its call.
pub(crate) async fn ended(world: &World) {
    while !matches!(world.api.next_seen().await, Seen::End) {}
    assert_eq!(number(world, "inFlight"), 0);
}

#[tokio::test]
async fn a_call_costs_two_writes_and_no_read() {
    let world = World::new().await;
    set(&world, &[("minute", now() / 60 + AHEAD)]);
    world
        .forwarder(async {
            world.call(&converse()).await;
            world.table.take_reads();
            world.table.take_writes();
            for _ in 0..5 {
                assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
            }
            assert_eq!(world.table.take_writes().len(), 10);
            assert!(world.table.take_reads().is_empty());
            assert_eq!((number(&world, "dayRequests"), number(&world, "inFlight")), (6, 0));
            assert!(now() - number(&world, "lastUsed#k1") < 60);
        })
        .await;
}

/// What `docs/cost.md` reckons with: the line of a call with a budget. Ids are shorter here than in AWS.
#[tokio::test]
async fn the_line_of_a_call_is_no_longer_than_its_price_says() {
    let world = World::with(None, &[]).await;
    let mut policy = month(10_000_000);
    policy["namespace"] = "team-search".into();
    world.set_prices();
    world.set_policy(1, &policy);
    world
        .forwarder(async {
            used_fifteen(&world);
            let mut call = priced(&world);
            call["path"] = "/bedrock-runtime/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse".into();
            assert_eq!(world.call(&call).await.prelude["statusCode"], 200);
            world.log.lines(1).await;
            let bytes = world.log.text().len();
            assert!((LINE_BYTES - 100..=LINE_BYTES).contains(&bytes), "{bytes} bytes: {}", world.log.text());
        })
        .await;
}

#[tokio::test]
async fn requests_beyond_the_minutes_limit_are_429_and_say_why() {
    let world = World::new().await;
    world.set_policy(1, &limits(&json!({ "requestsPerMinute": 2 })));
    set(&world, &[("minute", now() / 60 + AHEAD)]);
    world
        .forwarder(async {
            for left in ["1", "0"] {
                let response = world.call(&converse()).await;
                assert_eq!(response.prelude["statusCode"], 200);
                assert_eq!(header(&response, "x-ratelimit-limit-requests"), Some("2"));
                assert_eq!(header(&response, "x-ratelimit-remaining-requests"), Some(left));
                assert!(header(&response, "x-ratelimit-reset-requests").unwrap().ends_with('s'));
                assert_eq!(header(&response, "x-ratelimit-limit-tokens"), None);
            }
            let response = world.call(&converse()).await;
            let (status, error_type, message) = error(&response);
            assert_eq!((status, error_type.as_str()), (429, "ThrottlingException"));
            for part in ["team-a/chat", "2 calls per minute", "limits.requestsPerMinute", "resets at 20", "can raise"] {
                assert!(message.contains(part), "{message}");
            }
            assert!(header(&response, "retry-after").unwrap().parse::<i64>().unwrap() > 60);
            assert_eq!(header(&response, "x-ratelimit-remaining-requests"), Some("0"));
            assert_eq!(world.bedrock.take_arrived().len(), 2);
            let lines = world.log.lines(3).await;
            assert_eq!((&lines[2]["limited"], &lines[2]["outcome"]), (&json!("requestsPerMinute"), &json!("refused")));
            assert_eq!((&lines[1]["reservedMicroUsd"], &lines[1]["limited"]), (&json!(0), &Value::Null));

            // A limit that is raised counts from the next call on, and what was used stays.
            world.set_policy(2, &limits(&json!({ "requestsPerMinute": 4 })));
            world.set_meter(2, false);
            let response = world.call(&converse()).await;
            assert_eq!(header(&response, "x-ratelimit-remaining-requests"), Some("1"));
            world.set_policy(3, &limits(&json!({ "requestsPerMinute": 1 })));
            world.set_meter(3, false);
            assert_eq!(error(&world.call(&converse()).await).0, 429);
        })
        .await;
}

#[tokio::test]
async fn calls_in_flight_are_bounded_until_they_end() {
    let world = World::with(None, &[("AWS_LAMBDA_MAX_CONCURRENCY", "2")]).await;
    world.set_policy(1, &limits(&json!({ "concurrency": 1 })));
    let feed = world.bedrock.answer_fed("text/plain");
    world
        .forwarder(async {
            feed.send(Ok("one".into())).unwrap();
            world.begin(&converse());
            while !matches!(world.api.next_seen().await, Seen::Data(bytes) if bytes.ends_with(b"one")) {}
            assert_eq!(number(&world, "inFlight"), 1);
            let response = world.call(&converse()).await;
            let (status, error_type, message) = error(&response);
            assert_eq!(
                (status, error_type.as_str(), header(&response, "retry-after")),
                (429, "ThrottlingException", Some("1"))
            );
            assert!(message.contains("1 calls in flight") && message.contains("team-a/chat"), "{message}");
            drop(feed);
            ended(&world).await;
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
        })
        .await;
}

#[tokio::test]
async fn a_call_is_settled_before_its_response_ends() {
    for content_type in ["application/json", "application/vnd.amazon.eventstream"] {
        let world = World::new().await;
        let feed = world.bedrock.answer_fed(content_type);
        world
            .forwarder(async {
                world.begin(&converse());
                assert!(matches!(world.api.next_seen().await, Seen::Post { .. }));
                let hold = world.table.held.write().await;
                drop(feed);
                let early = async { while !matches!(world.api.next_seen().await, Seen::End) {} };
                assert!(tokio::time::timeout(Duration::from_millis(200), early).await.is_err(), "ended unsettled");
                drop(hold);
                ended(&world).await;
            })
            .await;
    }
}

#[tokio::test]
async fn however_a_call_ends_nothing_stays_reserved() {
    let world = World::new().await;
    let feed = world.bedrock.answer_fed("application/json");
    world
        .forwarder(async {
            // Bedrock breaks off.
            feed.send(Ok("{".into())).unwrap();
            world.begin(&converse());
            assert!(matches!(world.api.next_seen().await, Seen::Post { .. }));
            feed.send(Err(std::io::Error::other("broken on purpose"))).unwrap();
            ended(&world).await;
            // The client is gone.
            let feed = world.bedrock.answer_fed("application/json");
            *world.api.refuse_responses.lock().unwrap() = Some(StatusCode::GONE);
            world.begin(&converse());
            feed.closed().await;
            assert_eq!(world.log.lines(2).await[1]["outcome"], "gone");
            assert_eq!(number(&world, "inFlight"), 0);
            *world.api.refuse_responses.lock().unwrap() = None;
            // The time is over before Bedrock answers.
            world.api.push(&converse(), Duration::ZERO);
            assert_eq!(error(&world.api.streamed().await).0, 504);
            assert_eq!(number(&world, "inFlight"), 0);
            assert_eq!(number(&world, "dayRequests"), 3);
        })
        .await;
}

#[tokio::test]
async fn a_call_that_never_reaches_bedrock_is_settled_to_nothing() {
    let nowhere = "http://127.0.0.1:1";
    let world = World::with(None, &[(aigw_contract::environment::BEDROCK_ENDPOINT_OVERRIDE, nowhere)]).await;
    world
        .forwarder(async {
            assert_eq!(error(&world.call(&converse()).await).0, 503);
            assert_eq!((number(&world, "dayRequests"), number(&world, "inFlight")), (1, 0));
            assert_eq!(world.log.lines(1).await[0]["chargedMicroUsd"], 0);
        })
        .await;
}

#[tokio::test]
async fn a_write_of_unknown_outcome_is_not_repeated_and_a_throttled_one_is() {
    let world = World::new().await;
    set(&world, &[("minute", now() / 60 + AHEAD)]);
    world
        .forwarder(async {
            world.call(&converse()).await;
            world.table.take_writes();
            world.table.fail_writes(500, "InternalServerError", 1, true);
            assert_eq!(error(&world.call(&converse()).await).0, 503);
            assert_eq!(world.table.take_writes().len(), 1);
            assert_eq!(
                (number(&world, "dayRequests"), number(&world, "inFlight")),
                (2, 1),
                "counted, and to be reaped"
            );
            world.table.fail_writes(400, "ProvisionedThroughputExceededException", 2, false);
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
            assert_eq!(world.table.take_writes().len(), 4);
            assert_eq!((number(&world, "dayRequests"), number(&world, "inFlight")), (3, 1));
        })
        .await;
}

#[tokio::test]
async fn a_settlement_that_fails_is_told_and_the_response_passes() {
    let world = World::new().await;
    let feed = world.bedrock.answer_fed("application/json");
    world
        .forwarder(async {
            world.begin(&converse());
            assert!(matches!(world.api.next_seen().await, Seen::Post { .. }));
            world.table.fail_writes(500, "InternalServerError", 1, false);
            drop(feed);
            while !matches!(world.api.next_seen().await, Seen::End) {}
            let line = &world.log.lines(1).await[0];
            assert!(line["unsettled"].as_str().unwrap().contains("InternalServerError"), "{line}");
            assert_eq!((&line["outcome"], number(&world, "inFlight")), (&json!("complete"), 1));
        })
        .await;
}

#[tokio::test]
async fn what_killed_functions_left_is_freed_when_it_stands_in_the_way() {
    let world = World::new().await;
    world.set_policy(1, &limits(&json!({ "concurrency": 3 })));
    // Two slots ago, so it cannot be alive; and in another place than the slot that is needed.
    let slot = now() / 1_200 - 2;
    let name = |part: &str| format!("slot{}{part}", slot.rem_euclid(4));
    set(&world, &[("inFlight", 3), (&name(""), slot), (&name("Calls"), 3), (&name("MicroUsd"), 900)]);
    world
        .forwarder(async {
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
            assert_eq!((number(&world, "inFlight"), number(&world, "leakedCalls")), (0, 3));
            assert_eq!((number(&world, "leakedMicroUsd"), number(&world, &name("Calls"))), (900, 0));
        })
        .await;
}

#[tokio::test]
async fn in_shadow_nothing_is_denied_and_the_line_says_what_would_have_been() {
    let world = World::new().await;
    world.set_policy(1, &json!({ "limits": { "requestsPerMinute": 1 }, "enforcement": "Shadow" }));
    set(&world, &[("minute", now() / 60 + AHEAD)]);
    world
        .forwarder(async {
            for _ in 0..2 {
                assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
            }
            let lines = world.log.lines(2).await;
            assert_eq!((&lines[0]["limited"], &lines[1]["limited"]), (&Value::Null, &json!("requestsPerMinute")));
            assert_eq!(number(&world, "minuteRequests"), 2);
        })
        .await;
}

#[tokio::test]
async fn a_gateway_that_fails_open_lets_known_tenants_pass_uncounted() {
    for (mode, status) in [("Open", 200), ("Closed", 503)] {
        let world = World::new().await;
        let config = json!({
            "restApiId": "api1", "stages": ["v1"], "families": ["bedrock-runtime"], "failMode": mode,
        });
        world.set_config(&config);
        world
            .forwarder(async {
                world.table.fail_writes(500, "InternalServerError", usize::MAX, false);
                assert_eq!(world.call(&converse()).await.prelude["statusCode"], status, "{mode}");
                let line = &world.log.lines(1).await[0];
                assert_eq!(line.get("uncounted").is_some(), status == 200, "{line}");
                world.set_policy(2, &json!({ "suspended": "Team" }));
                world.table.fail_writes(400, "ProvisionedThroughputExceededException", usize::MAX, false);
                assert_eq!(error(&world.call(&converse()).await).0, 503, "throttling is no outage");
            })
            .await;
    }
}

#[tokio::test]
async fn access_ends_at_its_time() {
    let world = World::new().await;
    world.set_policy(1, &json!({ "expiresAt": now() - 1 }));
    world
        .forwarder(async {
            let (status, error_type, message) = error(&world.call(&converse()).await);
            assert_eq!((status, error_type.as_str()), (403, "AccessDeniedException"));
            assert!(message.contains("spec.expiresAt"), "{message}");
            world.set_policy(2, &json!({ "expiresAt": now() + 1_000 }));
            world.set_meter(2, false);
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
        })
        .await;
}

#[tokio::test]
async fn a_tenant_sees_its_usage_also_while_suspended() {
    let world = World::new().await;
    let policy = |more: Value| {
        let mut policy = month(5_000_000);
        policy["limits"] = json!({ "requestsPerMinute": 10, "concurrency": 4 });
        policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        policy
    };
    world.set_policy(1, &policy(json!({})));
    set(&world, &[("minute", now() / 60 + AHEAD)]);
    let call = priced(&world);
    world
        .forwarder(async {
            used_fifteen(&world);
            world.call(&call).await;
            world.set_policy(2, &policy(json!({ "suspended": "Team" })));
            world.set_meter(2, true);
            assert_eq!(error(&world.call(&converse()).await).0, 403);
            world.table.take_writes();
            let response = world.call(&usage()).await;
            assert_eq!(response.prelude["statusCode"], 200);
            assert!(world.table.take_writes().is_empty(), "it counts as no call");
            let document: Value = serde_json::from_slice(&response.body).unwrap();
            assert_eq!(document["tenant"], json!({ "namespace": "team-a", "name": "chat", "tier": "bronze" }));
            assert_eq!((&document["suspended"], &document["inFlight"]["limit"]), (&json!(true), &json!(4)));
            let windows = document["windows"].as_array().unwrap();
            assert_eq!((&windows[0]["used"], &windows[0]["remaining"]), (&json!(1), &json!(9)));
            assert_eq!((&windows[3]["window"], &windows[3]["remaining"]), (&json!("Month"), &json!("4.99998")));
            assert_eq!(world.bedrock.take_arrived().len(), 1);

            for event in [event("POST", "/.aigw/usage"), event("GET", "/.aigw/other"), event("GET", "/.aigw")] {
                let (status, _, message) = error(&world.call(&event).await);
                assert!(status == 404 && message.contains("GET /.aigw/usage"), "{message}");
            }
            world.set_policy(3, &json!({ "keys": [] }));
            assert_eq!(error(&world.call(&usage()).await).0, 403);
        })
        .await;
}

#[tokio::test]
async fn money_is_reserved_at_most_and_charged_as_used() {
    let world = World::new().await;
    world.set_policy(1, &month(10_000));
    let call = priced(&world);
    world
        .forwarder(async {
            used_fifteen(&world);
            let response = world.call(&call).await;
            assert_eq!(response.prelude["statusCode"], 200, "{response:?}");
            let line = &world.log.lines(1).await[0];
            let reserved = line["reservedMicroUsd"].as_i64().unwrap();
            assert!(reserved > 250, "{line}");
            assert_eq!((&line["chargedMicroUsd"], number(&world, "monthMicroUsd")), (&json!(20), 20));
            assert_eq!((number(&world, "monthTokens"), number(&world, "minuteTokens")), (15, 15));
            let left = format!("0.{:06}", 10_000 - reserved);
            assert_eq!(header(&response, "x-aigw-budget-month-remaining-usd"), Some(left.trim_end_matches('0')));

            // What broke off is charged as reserved.
            let feed = world.bedrock.answer_fed("application/json");
            drop(feed);
            world.call(&call).await;
            assert_eq!(number(&world, "monthMicroUsd"), 20 + reserved);
            // What Bedrock refused is not charged.
            world.bedrock.answer(Response::builder().status(400).body(full("{}")).unwrap());
            assert_eq!(world.call(&call).await.prelude["statusCode"], 400);
            assert_eq!(number(&world, "monthMicroUsd"), 20 + reserved);
        })
        .await;
}

#[tokio::test]
async fn a_budget_that_is_used_up_is_403_and_a_call_larger_than_it_400() {
    let world = World::new().await;
    world.set_policy(1, &month(10_000));
    let call = priced(&world);
    world
        .forwarder(async {
            used_fifteen(&world);
            world.call(&call).await;
            set(&world, &[("monthMicroUsd", 9_999)]);
            let (status, error_type, message) = error(&world.call(&call).await);
            assert_eq!((status, error_type.as_str()), (403, "AccessDeniedException"));
            for part in ["month's budget of tenant team-a/chat", "USD 0.01 ", "0.000001 are left", "resets at 20"] {
                assert!(message.contains(part), "{message}");
            }
            world.log.lines(2).await;
            world.set_policy(2, &month(100));
            world.set_meter(2, false);
            let (status, error_type, message) = error(&world.call(&call).await);
            assert_eq!((status, error_type.as_str()), (400, "ValidationException"));
            assert!(message.contains("inferenceConfig.maxTokens") && message.contains("USD 0.0001 "), "{message}");
            let lines = world.log.lines(3).await;
            assert_eq!((&lines[1]["limited"], &lines[2]["limited"]), (&json!("monthBudget"), &json!("monthBudget")));
            assert_eq!((world.bedrock.take_arrived().len(), number(&world, "monthMicroUsd")), (1, 9_999));

            world.set_policy(3, &json!({ "limits": { "tokensPerMinute": 50 } }));
            world.set_meter(3, false);
            let (status, _, message) = error(&world.call(&call).await);
            assert!(status == 400 && message.contains("50 (limits.tokensPerMinute)"), "{message}");
        })
        .await;
}

#[tokio::test]
async fn the_price_list_is_read_where_a_limit_needs_it() {
    for (policy, read) in [(json!({}), 0), (limits(&json!({ "requestsPerMinute": 10 })), 0), (month(10_000), 1)] {
        let world = World::new().await;
        world.set_policy(1, &policy);
        let call = priced(&world);
        world
            .forwarder(async {
                for _ in 0..2 {
                    assert_eq!(world.call(&call).await.prelude["statusCode"], 200);
                }
                // Beside the configuration, which is in the same partition.
                let of_gateway = world.table.take_reads().into_iter().filter(|partition| partition == "gateway");
                assert_eq!(of_gateway.count(), 1 + read, "{policy}");
            })
            .await;
    }
}
