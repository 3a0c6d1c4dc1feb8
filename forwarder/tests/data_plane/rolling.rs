//! Months and days roll over in the tenant's time zone while calls are in flight: nothing is reset that still counts, and
//! nothing is lost.
//!
//! The functions read the system's clock, which no test may set. What a time zone is they only know from the policy, though:
//! a zone whose every change of offset is moved by the distance between an instant and now makes them see the local time of
//! that instant. So real zones meet real month ends here, in the real time of a few seconds.

use std::time::Duration;

use aigw_contract::calendar;
use aigw_contract::limits::UtcOffset;
use aigw_contract::meter::{DAY, MONTH};
use serde_json::{Value, json};

use crate::limiting::{ended, now, number, priced, used_fifteen};
use crate::support::runtime_api::Seen;
use crate::support::world::{World, error, month};

/// What a call costs that used fifteen tokens, and what it reserves at most, in micro-USD: both by the prices of the world.
const COST: i64 = 20;
/// Seconds from the start of a test to the end of its window: enough for the calls before it.
const BEFORE: i64 = 4;
/// A change of a zone's distance from UTC: since when, in seconds since the Unix epoch, and seconds ahead of UTC.
type Change = (i64, i32);

const BERLIN: &[Change] = &[(0, 3_600), (1_774_746_000, 7_200), (1_792_890_000, 3_600)];
const NEW_YORK: &[Change] = &[(0, -18_000), (1_772_953_200, -14_400), (1_793_512_800, -18_000)];
const KOLKATA: &[Change] = &[(0, 19_800)];

/// Midnight at the end of October 2026 in Berlin, six days after daylight saving ended within the month.
const BERLIN_OCTOBER_ENDS: i64 = 1_793_487_600;
/// The same in New York, two hours before daylight saving ends there.
const NEW_YORK_OCTOBER_ENDS: i64 = 1_793_505_600;
/// The same in Kolkata.
const KOLKATA_OCTOBER_ENDS: i64 = 1_793_471_400;
/// Daylight saving ends in New York: an hour comes twice, in the first night of November.
const NEW_YORK_CLOCK_SET_BACK: i64 = 1_793_512_800;

/// The changes of a zone, as seen by somebody whose clock shows now when the zone's shows `instant`.
fn as_if(zone: &[Change], instant: i64) -> Vec<UtcOffset> {
    let ahead = instant - now();
    let moved = |(from, seconds): &Change| UtcOffset {
        from: from - ahead,
        seconds: i32::try_from(i64::from(*seconds) + ahead).unwrap(),
    };
    zone.iter().map(moved).collect()
}

/// A policy with budgets of a month and a day, in that zone.
fn budgets(offsets: &[UtcOffset], month_micro_usd: i64) -> Value {
    let mut policy = month(month_micro_usd);
    policy["budgets"].as_array_mut().unwrap().push(json!({ "window": "Day", "microUsd": 1_000_000 }));
    policy["utcOffsets"] = serde_json::to_value(offsets).unwrap();
    policy
}

async fn until(instant: i64) {
    while now() < instant {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn answered(world: &World) {
    used_fifteen(world);
    let response = world.call(&priced(world)).await;
    assert_eq!(response.prelude["statusCode"], 200, "{response:?}");
}

/// Calls before, over and after the end of a month, with the limit raised and lowered and the credential replaced meanwhile.
async fn rolls_over(zone: &[Change], month_ends: i64) {
    let world = World::with(None, &[("AWS_LAMBDA_MAX_CONCURRENCY", "2")]).await;
    let offsets = as_if(zone, month_ends - BEFORE);
    let end = now() + BEFORE;
    assert_eq!(calendar::month(end, &offsets) - calendar::month(end - 1, &offsets), 1, "no month ends then");
    // Before the forwarder starts: it reads a list of prices once in a while only.
    world.set_prices();
    world.set_policy(1, &budgets(&offsets, 10_000));
    world
        .forwarder(async {
            answered(&world).await;
            answered(&world).await;
            let old = number(&world, MONTH.id);
            assert_eq!(old, calendar::month(end - 1, &offsets));
            assert_eq!(number(&world, MONTH.micro_usd), 2 * COST);

            // One begins in the old month and ends in the new one.
            let feed = world.bedrock.answer_fed("application/json");
            world.begin(&priced(&world));
            feed.send(Ok("{".into())).unwrap();
            while !matches!(world.api.next_seen().await, Seen::Data(bytes) if bytes.ends_with(b"{")) {}
            let reserved = number(&world, MONTH.micro_usd) - 2 * COST;
            assert!(reserved > COST, "nothing is reserved");
            assert!(now() < end, "the machine is too slow: the month is over");

            // Lowered in flight below what is used, raised again, and the credential replaced: no count moves.
            world.set_policy(2, &budgets(&offsets, 2 * COST));
            world.set_meter(2, false);
            assert_eq!(error(&world.call(&priced(&world)).await).0, 400);
            let key = json!({ "id": "k1", "sha256": world.credential.sha256() });
            let mut rotated = budgets(&offsets, 10_000);
            rotated["keys"] = json!([{ "id": "k2", "sha256": "00" }, key]);
            world.set_policy(3, &rotated);
            world.set_meter(3, false);
            assert_eq!(number(&world, MONTH.micro_usd), 2 * COST + reserved);

            until(end).await;
            answered(&world).await;
            assert_eq!(number(&world, MONTH.id), old + 1);
            assert_eq!(number(&world, MONTH.micro_usd), COST, "the new month has its own call only");
            assert_eq!(number(&world, DAY.micro_usd), COST);
            assert_eq!(number(&world, MONTH.previous_id), old);
            assert_eq!(number(&world, MONTH.previous_micro_usd), 2 * COST + reserved);

            // What the old one did not use goes back to the old month.
            feed.send(Ok(r#""usage":{"inputTokens":10,"outputTokens":5}}"#.into())).unwrap();
            drop(feed);
            ended(&world).await;
            assert_eq!(number(&world, MONTH.previous_micro_usd), 3 * COST);
            assert_eq!(number(&world, MONTH.micro_usd), COST);
            assert_eq!(number(&world, "leakedMicroUsd"), 0);
        })
        .await;
}

#[tokio::test]
async fn a_month_ends_in_berlin_after_daylight_saving_did() {
    rolls_over(BERLIN, BERLIN_OCTOBER_ENDS).await;
}

#[tokio::test]
async fn a_month_ends_in_new_york_hours_before_daylight_saving_does() {
    rolls_over(NEW_YORK, NEW_YORK_OCTOBER_ENDS).await;
}

#[tokio::test]
async fn a_month_ends_in_kolkata() {
    rolls_over(KOLKATA, KOLKATA_OCTOBER_ENDS).await;
}

#[tokio::test]
async fn an_hour_that_comes_twice_counts_once() {
    let world = World::new().await;
    let offsets = as_if(NEW_YORK, NEW_YORK_CLOCK_SET_BACK - 2);
    let back = now() + 2;
    // Before the forwarder starts: it reads a list of prices once in a while only.
    world.set_prices();
    world.set_policy(1, &budgets(&offsets, 10_000));
    world
        .forwarder(async {
            answered(&world).await;
            let windows = (number(&world, MONTH.id), number(&world, DAY.id));
            until(back).await;
            assert_eq!(calendar::day(back, &offsets), windows.1, "it is another day");
            answered(&world).await;
            assert_eq!((number(&world, MONTH.id), number(&world, DAY.id)), windows);
            assert_eq!((number(&world, MONTH.micro_usd), number(&world, DAY.micro_usd)), (2 * COST, 2 * COST));
        })
        .await;
}
