//! Calls of functions as CloudWatch counts them.
//!
//! Lambda publishes what goes through an alias with two versions under the dimensions function, alias and version that
//! took the call (Lambda guide, "Types of metrics for Lambda functions", dimension `ExecutedVersion`).

use aigw_cloud::{CallQuery, CloudError, FunctionMetrics};
use aigw_plan::gateway::observed::Calls;
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::service::incomplete;
use crate::signed_json::{Protocol, SignedJson};

/// CloudWatch over JSON: protocol and target as in its service model.
pub const PROTOCOL: Protocol = Protocol {
    name: "monitoring",
    target: "GraniteServiceVersion20100801",
    content_type: "application/x-amz-json-1.0",
};
const OPERATION: &str = "cloudwatch:GetMetricData";
/// Lambda's metrics have a point a minute.
const PERIOD: i32 = 60;

/// CloudWatch over its JSON protocol.
pub struct CloudWatchMetrics {
    cloudwatch: SignedJson,
}

impl CloudWatchMetrics {
    pub fn new(cloudwatch: SignedJson) -> Self {
        Self { cloudwatch }
    }
}

#[async_trait]
impl FunctionMetrics for CloudWatchMetrics {
    async fn calls(&self, query: &CallQuery) -> Result<Calls, CloudError> {
        let CallQuery { function, version, since, until, slow_after_ms } = query;
        let metric = |id: &str, name: &str, stat: &str| {
            json!({"Id": id, "MetricStat": {"Period": PERIOD, "Stat": stat, "Metric": {
            "Namespace": "AWS/Lambda", "MetricName": name, "Dimensions": [
                {"Name": "FunctionName", "Value": function},
                {"Name": "Resource", "Value": format!("{function}:live")},
                {"Name": "ExecutedVersion", "Value": version},
            ]}}})
        };
        let mut queries = vec![metric("calls", "Invocations", "Sum"), metric("errors", "Errors", "Sum")];
        // How many were slower, not a percentile: counts of single minutes can be added.
        queries.extend(slow_after_ms.map(|bound| metric("slow", "Duration", &format!("TC({bound}:)"))));
        let (mut calls, mut token) = (Calls::default(), Value::Null);
        loop {
            let mut input = json!({"StartTime": since, "EndTime": until, "MetricDataQueries": queries});
            if !token.is_null() {
                input["NextToken"] = token;
            }
            let answer = self.cloudwatch.call(OPERATION, &input).await?;
            add(&mut calls, &answer)?;
            token = answer["NextToken"].clone();
            if token.as_str().is_none_or(str::is_empty) {
                return Ok(calls);
            }
        }
    }
}

/// Adds the points of one answer.
fn add(calls: &mut Calls, answer: &Value) -> Result<(), CloudError> {
    let results = answer["MetricDataResults"].as_array().ok_or_else(|| incomplete(OPERATION, "results"))?;
    for result in results {
        let counter = match result["Id"].as_str() {
            Some("calls") => &mut calls.calls,
            Some("errors") => &mut calls.errors,
            Some("slow") => &mut calls.slow,
            _ => continue,
        };
        *counter += result["Values"].as_array().into_iter().flatten().filter_map(Value::as_f64).map(whole).sum::<u64>();
    }
    Ok(())
}

/// A count, which CloudWatch gives as a floating-point number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and cut at zero")]
fn whole(value: f64) -> u64 {
    value.round().max(0.0) as u64
}

#[cfg(test)]
#[path = "function_metrics_tests.rs"]
mod tests;
