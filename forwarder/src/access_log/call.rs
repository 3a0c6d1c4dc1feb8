//! The line of one call: what it was for, what became of it, what it used.
//!
//! Attributes that OpenTelemetry's conventions for generative AI have a name for carry that name. Their input tokens
//! include cached ones; the part that was not cached stands beside them, so that line has all four counters.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use http::{HeaderName, StatusCode};
use serde::Serialize;

use super::bounded;
use super::emf::{Metadata, Metric, Metrics};
use crate::admission::{Account, Caller};
use crate::denial::ERROR_TYPE;
use crate::ledger::Limit;
use crate::meter::{Metered, Reading, Usage};
use crate::proxy::{Answer, AnswerBody, BEDROCK_REQUEST_ID, Target, UpstreamStream};

/// Bounds on what clients and services choose, in bytes. A model id may have 2,048, of which the beginning tells.
const MAX_MODEL: usize = 256;
const MAX_CAUSE: usize = 512;
const MAX_ID: usize = 128;
const NO_FAMILY: &str = "none";
const PROVIDER: &str = "aws.bedrock";

const DURATION: &str = "durationMs";
const FIRST_BYTE: &str = "firstByteMs";
const UNKNOWN_USAGE: &str = "unknownUsage";
const INPUT: &str = "gen_ai.usage.input_tokens";
const OUTPUT: &str = "gen_ai.usage.output_tokens";
const CACHE_READ: &str = "gen_ai.usage.cache_read.input_tokens";
const CACHE_WRITE: &str = "gen_ai.usage.cache_creation.input_tokens";

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Bedrock's whole response was passed.
    Complete,
    /// Bedrock answered with an error, which was passed, maybe within a stream.
    Rejected,
    /// The gateway refused the call.
    Refused,
    /// The gateway could not do its part.
    Failed,
    /// The response is incomplete, and the client was told.
    Broken,
    /// Nobody wanted the rest of the response.
    Gone,
}

/// One call, filled in as it goes.
#[derive(Debug)]
pub struct Call {
    started: Instant,
    /// Id of the invocation or request.
    pub request_id: String,
    /// Id that API Gateway gave the request, which its access log and the client have.
    pub gateway_request_id: Option<String>,
    /// Who called, once known.
    pub caller: Option<Caller>,
    /// What for.
    pub target: Target,
    /// HTTP status the client got.
    pub status: Option<u16>,
    /// Bedrock's own request id.
    pub bedrock_request_id: Option<String>,
    /// Type of the error that was answered.
    pub error_type: Option<String>,
    /// Why, where the outcome alone does not tell.
    pub cause: Option<String>,
    /// From the start to the first byte of the body.
    pub first_byte: Option<Duration>,
    /// Bytes of the request body as it came.
    pub request_bytes: Option<u64>,
    /// Bytes of the response body that were sent.
    pub response_bytes: u64,
    /// What the call used; nothing where Bedrock was never asked.
    pub metered: Option<Metered>,
    /// What the ledger has to say of it.
    pub account: Account,
    /// What became of it.
    pub outcome: Outcome,
}

impl Call {
    /// A call that begins now and has failed unless somebody says otherwise.
    pub fn begin(request_id: String) -> Self {
        Self {
            started: Instant::now(),
            request_id,
            gateway_request_id: None,
            caller: None,
            target: Target::default(),
            status: None,
            bedrock_request_id: None,
            error_type: None,
            cause: None,
            first_byte: None,
            request_bytes: None,
            response_bytes: 0,
            metered: None,
            account: Account::default(),
            outcome: Outcome::Failed,
        }
    }

    /// Notes what an answer says of the call, and takes from it what the response does not need.
    pub fn answered(&mut self, answer: &mut Answer) {
        let text = |name: &HeaderName| Some(answer.headers.get(name)?.to_str().ok()?.to_owned());
        self.bedrock_request_id = text(&BEDROCK_REQUEST_ID);
        self.error_type = text(&ERROR_TYPE).map(|mut name| {
            // Some services add the URL of a description.
            name.truncate(name.find(':').unwrap_or(name.len()));
            name
        });
        self.target = std::mem::take(&mut answer.target);
        self.cause = answer.cause.take();
        self.account = std::mem::take(&mut answer.account);
        self.outcome = match (&answer.body, answer.status) {
            (AnswerBody::Upstream(_), status) if status.as_u16() < 400 => Outcome::Complete,
            (AnswerBody::Upstream(_), _) => Outcome::Rejected,
            (AnswerBody::Own(_), status) if status.is_success() => Outcome::Complete,
            (AnswerBody::Own(_), status) if status.is_server_error() => Outcome::Failed,
            (AnswerBody::Own(_), _) => Outcome::Refused,
        };
    }

    /// Notes the status the client gets and the bytes that leave with it.
    pub fn begun(&mut self, status: StatusCode, first: usize) {
        self.status = Some(status.as_u16());
        self.sent(first);
    }

    /// Notes how the response ended: what Bedrock's body came to, and why nobody wanted the rest, if nobody did.
    pub fn ended(&mut self, stream: Option<Box<UpstreamStream>>, gone: Option<String>) {
        if let Some(mut stream) = stream {
            let metered = stream.metered();
            if let Some(exception) = &metered.exception {
                self.outcome = Outcome::Rejected;
                self.error_type = Some(exception.clone());
            }
            if let Some(broken) = stream.broken() {
                self.outcome = Outcome::Broken;
                self.cause = Some(broken.to_string());
            }
            self.metered = Some(metered);
            self.account.charged = stream.charged();
            self.account.unsettled = stream.unsettled().map(str::to_owned);
        }
        if let Some(gone) = gone {
            self.outcome = Outcome::Gone;
            self.cause = Some(gone);
        }
    }

    /// Notes that body bytes are on their way.
    pub fn sent(&mut self, bytes: usize) {
        if bytes > 0 {
            self.first_byte.get_or_insert_with(|| self.started.elapsed());
            self.response_bytes += bytes as u64;
        }
    }

    /// The line of this call, written at `now`, in milliseconds since the Unix epoch.
    pub(super) fn line<'a>(&'a self, gateway: &'a str, now: i64) -> Line<'a> {
        let millis = |duration: Duration| (duration.as_secs_f64() * 1e6).round() / 1e3;
        let (usage, reading) =
            self.metered.as_ref().map_or((Usage::default(), None), |metered| (metered.usage, Some(metered.reading)));
        let unknown = reading.filter(|reading| matches!(reading, Reading::Unknown | Reading::Partial)).map(|_| 1);
        let line = Line {
            aws: None,
            event: "call",
            gateway,
            family: self.target.family.map_or(NO_FAMILY, aigw_contract::Family::endpoint_prefix),
            outcome: self.outcome,
            request_id: &self.request_id,
            gateway_request_id: self.gateway_request_id.as_deref().map(|id| bounded(id, MAX_ID)),
            tenant: self.caller.as_ref().map(|caller| caller.tenant.as_str()),
            credential: self.caller.as_ref().map(|caller| caller.credential.as_str()),
            status: self.status,
            bedrock_request_id: self.bedrock_request_id.as_deref().map(|id| bounded(id, MAX_ID)),
            error_type: self.error_type.as_deref().map(|name| bounded(name, MAX_ID)),
            cause: self.cause.as_deref().map(|cause| bounded(cause, MAX_CAUSE)),
            duration_ms: millis(self.started.elapsed()),
            first_byte_ms: self.first_byte.map(millis),
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            provider: PROVIDER,
            operation: self.target.shape.and_then(crate::meter::Shape::operation_name),
            model: self.target.model.as_deref().map(|model| bounded(model, MAX_MODEL)),
            usage: reading,
            unknown_usage: unknown,
            input: usage.total_input(),
            output: usage.output,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            cache_write_1h: usage.cache_write_1h,
            uncached_input: usage.input,
            reserved_tokens: self.account.reserved.map(|amount| amount.tokens),
            reserved_micro_usd: self.account.reserved.map(|amount| amount.micro_usd),
            charged_micro_usd: self.account.charged.map(|amount| amount.micro_usd),
            limited: self.account.limited,
            shadowed: self.account.shadowed.as_deref().map(|cause| bounded(cause, MAX_CAUSE)),
            uncounted: self.account.uncounted,
            unsettled: self.account.unsettled.as_deref().map(|cause| bounded(cause, MAX_CAUSE)),
        };
        Line { aws: Some(Metadata::new(now, line.metrics())), ..line }
    }
}

/// A line as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line<'a> {
    #[serde(rename = "_aws")]
    aws: Option<Metadata>,
    event: &'static str,
    gateway: &'a str,
    family: &'static str,
    outcome: Outcome,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_request_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bedrock_request_id: Option<Cow<'a, str>>,
    #[serde(rename = "error.type", skip_serializing_if = "Option::is_none")]
    error_type: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cow<'a, str>>,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_bytes: Option<u64>,
    response_bytes: u64,
    #[serde(rename = "gen_ai.provider.name")]
    provider: &'static str,
    #[serde(rename = "gen_ai.operation.name", skip_serializing_if = "Option::is_none")]
    operation: Option<&'static str>,
    #[serde(rename = "gen_ai.request.model", skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Reading>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_usage: Option<u8>,
    #[serde(rename = "gen_ai.usage.input_tokens", skip_serializing_if = "Option::is_none")]
    input: Option<u64>,
    #[serde(rename = "gen_ai.usage.output_tokens", skip_serializing_if = "Option::is_none")]
    output: Option<u64>,
    #[serde(rename = "gen_ai.usage.cache_read.input_tokens", skip_serializing_if = "Option::is_none")]
    cache_read: Option<u64>,
    #[serde(rename = "gen_ai.usage.cache_creation.input_tokens", skip_serializing_if = "Option::is_none")]
    cache_write: Option<u64>,
    #[serde(rename = "cacheCreation1hInputTokens", skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<u64>,
    #[serde(rename = "uncachedInputTokens", skip_serializing_if = "Option::is_none")]
    uncached_input: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved_tokens: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved_micro_usd: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charged_micro_usd: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limited: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadowed: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    uncounted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsettled: Option<Cow<'a, str>>,
}

impl Line<'_> {
    fn metrics(&self) -> Metrics {
        Metrics([
            Metric::millis(DURATION, Some(&self.duration_ms)),
            Metric::millis(FIRST_BYTE, self.first_byte_ms.as_ref()),
            Metric::count(UNKNOWN_USAGE, self.unknown_usage.as_ref()),
            Metric::count(INPUT, self.input.as_ref()),
            Metric::count(OUTPUT, self.output.as_ref()),
            Metric::count(CACHE_READ, self.cache_read.as_ref()),
            Metric::count(CACHE_WRITE, self.cache_write.as_ref()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn call() -> Call {
        let mut call = Call::begin("r1".into());
        call.outcome = Outcome::Complete;
        call.target = Target { family: Some(aigw_contract::Family::BedrockRuntime), ..Target::default() };
        call.sent(10);
        let usage = Usage {
            input: Some(1),
            output: Some(2),
            cache_read: Some(4),
            cache_write: Some(8),
            cache_write_1h: Some(3),
        };
        call.metered = Some(Metered { usage, reading: Reading::Complete, exception: None });
        call
    }

    fn line(call: &Call) -> Value {
        serde_json::to_value(call.line("i/AIGateway/n/g", 1_700_000_000_000)).unwrap()
    }

    /// What CloudWatch demands: every dimension is a text that is there, every metric a number that is there.
    fn check(line: &Value) -> Vec<String> {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], 1_700_000_000_000_i64);
        assert_eq!(directive["Namespace"], "AIGateway");
        assert_eq!(directive["Dimensions"], serde_json::json!([["gateway", "family", "outcome"]]));
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            assert!(line[dimension.as_str().unwrap()].as_str().is_some_and(|value| !value.is_empty()), "{dimension}");
        }
        let names = directive["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].as_str().unwrap());
        names.inspect(|name| assert!(line[name].is_number(), "{name}")).map(str::to_owned).collect()
    }

    #[test]
    fn a_line_has_all_counters_and_lists_them_as_metrics() {
        let line = line(&call());
        assert_eq!(check(&line), [DURATION, FIRST_BYTE, INPUT, OUTPUT, CACHE_READ, CACHE_WRITE]);
        let counters =
            [&line[INPUT], &line[OUTPUT], &line[CACHE_READ], &line[CACHE_WRITE], &line["uncachedInputTokens"]];
        assert_eq!(counters.map(|value| value.as_u64().unwrap()), [13, 2, 4, 8, 1]);
        assert_eq!((&line["usage"], &line["outcome"]), (&"complete".into(), &"complete".into()));
    }

    #[test]
    fn unknown_usage_is_counted_and_no_counter_is_made_up() {
        let mut call = call();
        call.target.family = None;
        call.metered = Some(Metered { usage: Usage::default(), reading: Reading::Unknown, exception: None });
        let line = line(&call);
        assert_eq!(check(&line), [DURATION, FIRST_BYTE, UNKNOWN_USAGE]);
        assert!(line.get(INPUT).is_none() && line.get(OUTPUT).is_none());
        assert_eq!(line["family"], "none");
    }

    #[test]
    fn what_others_choose_is_cut_and_escaped() {
        let mut call = call();
        let long = "\u{1}\"\n\u{e9}".repeat(10_000);
        call.target.model = Some(long.clone());
        (call.cause, call.error_type, call.bedrock_request_id) = (Some(long.clone()), Some(long.clone()), Some(long));
        let text = serde_json::to_string(&call.line("g", 0)).unwrap();
        assert!(text.len() < 8 << 10, "{}", text.len());
        assert!(!text.contains('\n') && !text.contains('\u{1}'));
    }
}
