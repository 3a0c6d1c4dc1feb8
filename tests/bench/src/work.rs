//! The work: requests of four sizes, answers of two, and a stream; the same bytes for every subject.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

/// Model every request names. Its colon travels as `%3A`, as the SDKs send it.
pub const MODEL_PATH: &str = "/model/anthropic.claude-sonnet-4-20250514-v1%3A0";
/// Name of the smallest work.
pub const SMALL: &str = "1 KB → 1 KB";
/// Name of the stream.
pub const STREAM: &str = "stream of 300";
/// Where the gateway has the family.
pub const MOUNT: &str = "/bedrock-runtime";
const KB: usize = 1_000;
const MB: usize = 1_000_000;
/// Frames of the stream and the time between two.
const FRAMES: usize = 300;
const PACE: Duration = Duration::from_millis(20);
const STREAM_ROUNDS: usize = 3;
/// Text of the prompts: escapes in it make a runtime unescape, as real prompts do.
const PROSE: &str =
    "He said \"the quick brown fox\" and went on.\nThen the lazy dog answered, at length, in plain text. ";

/// One kind of call.
#[derive(Debug, Clone)]
pub struct Work {
    /// For the table.
    pub name: &'static str,
    /// Path without the mount.
    pub path: String,
    /// Body of the request.
    pub request: Bytes,
    /// What Bedrock answers.
    pub response: Response,
    /// Calls of each subject in a round.
    pub calls: usize,
    /// Most rounds; a stream lasts seconds and has hundreds of frames to take a median of.
    pub rounds: usize,
}

/// What Bedrock answers.
#[derive(Debug, Clone)]
pub enum Response {
    /// A document.
    Document(Bytes),
    /// Frames of an event stream, one every `pace`.
    Stream {
        /// The frames.
        frames: Vec<Bytes>,
        /// Time between two.
        pace: Duration,
    },
}

impl Response {
    /// Whether these are its bytes.
    pub fn is(&self, body: &[u8]) -> bool {
        match self {
            Self::Document(expected) => body == expected,
            Self::Stream { frames, .. } => body == frames.concat(),
        }
    }

    /// The frames of a stream.
    pub fn frames(&self) -> &[Bytes] {
        match self {
            Self::Document(_) => &[],
            Self::Stream { frames, .. } => frames,
        }
    }
}

/// All work, smallest first. `quick` divides the number of calls, for a check that everything runs.
pub fn all(quick: bool) -> Vec<Work> {
    let unary = |name, request: usize, response: usize, calls: usize| Work {
        name,
        path: format!("{MODEL_PATH}/converse"),
        request: prompt(request),
        response: Response::Document(answer(response)),
        calls: if quick { calls.div_ceil(10) } else { calls },
        rounds: usize::MAX,
    };
    let frames = if quick { FRAMES / 10 } else { FRAMES };
    vec![
        unary(SMALL, KB, KB, 400),
        unary("100 KB → 1 KB", 100 * KB, KB, 100),
        unary("1 MB → 1 KB", MB, KB, 30),
        unary("5 MB → 1 KB", 5 * MB, KB, 10),
        unary("1 KB → 1 MB", KB, MB, 100),
        Work {
            name: STREAM,
            path: format!("{MODEL_PATH}/converse-stream"),
            request: prompt(KB),
            response: Response::Stream { frames: stream(frames), pace: PACE },
            calls: 1,
            rounds: STREAM_ROUNDS,
        },
    ]
}

/// A Converse request of about this size. It says how long the answer may be, so ours has nothing to write into it and
/// every subject sends the same bytes.
fn prompt(size: usize) -> Bytes {
    sized(size, |text| {
        json!({
            "messages": [{ "role": "user", "content": [{ "text": text }] }],
            "inferenceConfig": { "maxTokens": 1000 },
        })
    })
}

/// A Converse answer of about this size, with its usage.
fn answer(size: usize) -> Bytes {
    sized(size, |text| {
        json!({
            "metrics": { "latencyMs": 1 },
            "output": { "message": { "role": "assistant", "content": [{ "text": text }] } },
            "stopReason": "end_turn",
            "usage": { "inputTokens": 11, "outputTokens": 7, "totalTokens": 18 },
        })
    })
}

fn sized(size: usize, document: impl Fn(&str) -> Value) -> Bytes {
    let frame = document("").to_string().len();
    let escaped = Value::from(PROSE).to_string().len() - 2;
    document(&PROSE.repeat(size.saturating_sub(frame) / escaped)).to_string().into()
}

fn stream(frames: usize) -> Vec<Bytes> {
    let delta = json!({ "contentBlockIndex": 0, "delta": { "text": "some words of an answer" }, "p": "abcdefghij" });
    let usage =
        json!({ "metrics": { "latencyMs": 1 }, "usage": { "inputTokens": 11, "outputTokens": 7, "totalTokens": 18 } });
    let mut all = vec![frame("contentBlockDelta", &delta); frames.saturating_sub(1)];
    all.push(frame("metadata", &usage));
    all
}

/// One message of `application/vnd.amazon.eventstream`: lengths, checksum of them, headers, payload, checksum of all.
fn frame(event: &str, payload: &Value) -> Bytes {
    /// Header value type 7 is a string.
    const STRING: u8 = 7;
    let mut headers = Vec::new();
    for (name, value) in [(":event-type", event), (":content-type", "application/json"), (":message-type", "event")] {
        headers.push(u8::try_from(name.len()).unwrap_or_default());
        headers.extend(name.as_bytes());
        headers.push(STRING);
        headers.extend(u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let payload = payload.to_string();
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or_default().to_be_bytes();
    let mut message = Vec::new();
    message.extend(length(16 + headers.len() + payload.len()));
    message.extend(length(headers.len()));
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend(headers);
    message.extend(payload.as_bytes());
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.into()
}

/// The event API Gateway's REST API makes of a call: every header twice, the body as a JSON string.
pub fn event(work: &Work) -> Bytes {
    let path = format!("{MOUNT}{}", work.path);
    let headers = [
        ("Accept", "application/json"),
        ("amz-sdk-invocation-id", "5bd66f73-1e6b-4f5d-a1d6-3b7a2f4d1c11"),
        ("amz-sdk-request", "attempt=1"),
        ("Content-Type", "application/json"),
        ("Host", "abcdefghij.execute-api.eu-central-1.amazonaws.com"),
        ("User-Agent", "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11.7 cfg/retry-mode#legacy"),
        ("X-Amzn-Trace-Id", "Root=1-69249c3c-0123456789abcdef01234567"),
        ("X-Forwarded-For", "192.0.2.17"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ];
    let single: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let multi: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    let body = String::from_utf8_lossy(&work.request);
    json!({
        "resource": "/bedrock-runtime/{proxy+}", "path": path, "httpMethod": "POST",
        "headers": single, "multiValueHeaders": multi,
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": { "proxy": work.path.trim_start_matches('/') }, "stageVariables": null,
        "requestContext": {
            "resourceId": "a1b2c3", "resourcePath": "/bedrock-runtime/{proxy+}", "httpMethod": "POST",
            "extendedRequestId": "UjGbTHmUFiAEgNw=", "requestTime": "24/Nov/2026:18:00:00 +0000",
            "path": format!("/v1{path}"), "accountId": "111122223333", "protocol": "HTTP/1.1", "stage": "v1",
            "domainPrefix": "abcdefghij", "requestTimeEpoch": 1_795_543_200_000_u64,
            "requestId": "6f3c1d8e-0d0f-4a65-9ac7-2f2b1a0c7d11", "apiId": crate::gateway::REST_API,
            "identity": { "sourceIp": "192.0.2.17", "userAgent": "Boto3/1.44.5", "cognitoIdentityId": null },
            "domainName": "abcdefghij.execute-api.eu-central-1.amazonaws.com",
            "authorizer": { "tenant": "t1", "credential": "k1", "subject": "k1", "principalId": "t1" },
        },
        "body": body, "isBase64Encoded": false,
    })
    .to_string()
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_what_the_names_say() {
        for (work, size) in all(false).iter().zip([KB, 100 * KB, MB, 5 * MB]) {
            let length = work.request.len();
            assert!(length <= size && length > size - 2 * PROSE.len(), "{}: {length}", work.name);
        }
    }

    #[test]
    fn no_event_is_larger_than_lambda_takes() {
        assert!(all(false).iter().all(|work| event(work).len() < 6 << 20));
    }
}
