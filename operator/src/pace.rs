//! What AWS's control-plane quotas mean in time: the bound that a plan, or a whole operator, can be measured against.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_cloud::quotas::{ALL_OPERATIONS, OPERATIONS};

/// Only API Gateway's operations share a rate that matters.
const LIMITED_SERVICE: &str = "apigateway:";

/// The time `calls` (operation, such as `apigateway:UpdateUsagePlan`, and how often) stand for, at `share` (above 0, 1
/// for all) of the account's rates: the longest of calls ÷ rate, over each operation with a rate of its own and over all
/// operations of API Gateway together. What a quiet account may be ahead of its rates (one call, or the burst over all
/// operations) is left out: it is the same few seconds however many calls there are.
pub fn minimum_time(calls: &BTreeMap<&'static str, u32>, share: f64) -> Duration {
    let together: u32 =
        calls.iter().filter(|(name, _)| name.starts_with(LIMITED_SERVICE)).map(|(_, count)| count).sum();
    let alone = OPERATIONS.iter().map(|(name, quota)| (calls.get(name).copied().unwrap_or(0), quota.rate()));
    let bounds =
        alone.chain([(together, ALL_OPERATIONS.rate())]).map(|(count, rate)| f64::from(count) / (rate * share));
    Duration::from_secs_f64(bounds.fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_rate_decides() {
        let time =
            |calls: &[(&'static str, u32)], share| minimum_time(&calls.iter().copied().collect(), share).as_secs_f64();
        let near = |one: f64, other: f64| assert!((one - other).abs() < 1e-6, "{one} {other}");
        near(time(&[], 1.0), 0.0);
        near(time(&[("apigateway:UpdateUsagePlan", 1)], 1.0), 20.0);
        near(time(&[("apigateway:UpdateUsagePlan", 1)], 0.8), 25.0);
        near(time(&[("apigateway:UpdateUsagePlan", 2), ("apigateway:CreateDeployment", 3)], 1.0), 40.0);
        // A thousand tenants: five keys a second, but key and attachment are two calls of ten a second.
        near(time(&[("apigateway:CreateApiKey", 1000), ("apigateway:CreateUsagePlanKey", 1000)], 1.0), 200.0);
        near(time(&[("apigateway:GetStage", 1000), ("apigateway:CreateStage", 1000)], 1.0), 200.0);
        near(time(&[("dynamodb:PutItem", 100_000)], 1.0), 0.0);
    }
}
