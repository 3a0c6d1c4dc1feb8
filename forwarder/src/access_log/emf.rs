//! The part of a line that makes CloudWatch take metrics from it (embedded metric format).
//!
//! Every combination of dimension values is a metric that is paid for by the month, so dimensions are the gateway,
//! the family and the outcome, each of a few values. A metric without a value is not listed: CloudWatch refuses a
//! line that lists one it lacks.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

/// Namespace of all metrics of the data plane.
const NAMESPACE: &str = "AIGateway";
const DIMENSIONS: [[&str; 3]; 1] = [["gateway", "family", "outcome"]];

/// The member `_aws` of a line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metadata {
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [[&'static str; 3]; 1],
    metrics: Metrics,
}

/// Which members of a line are metrics.
#[derive(Debug)]
pub(super) struct Metrics(pub [Option<Metric>; 7]);

/// A member of the line that is a metric.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metric {
    name: &'static str,
    unit: &'static str,
}

impl Metadata {
    /// For these metrics at this time, in milliseconds since the Unix epoch.
    pub(super) fn new(timestamp: i64, metrics: Metrics) -> Self {
        let directive = Directive { namespace: NAMESPACE, dimensions: DIMENSIONS, metrics };
        Self { timestamp, cloud_watch_metrics: [directive] }
    }
}

impl Metric {
    /// A time in milliseconds, if there is one.
    pub(super) fn millis<T>(name: &'static str, value: Option<&T>) -> Option<Self> {
        value.map(|_| Self { name, unit: "Milliseconds" })
    }

    /// A count, if there is one.
    pub(super) fn count<T>(name: &'static str, value: Option<&T>) -> Option<Self> {
        value.map(|_| Self { name, unit: "Count" })
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for metric in self.0.iter().flatten() {
            list.serialize_element(metric)?;
        }
        list.end()
    }
}
