//! The meter: the same usage however a response is cut into chunks, and what a full decode of all of it finds.

use aigw_forwarder::meter::{Meter, Metered, Position, Shape};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;

use crate::expected::values;
use crate::frames::FrameScanner;
use crate::input::Input;
use crate::report::{Report, Rules, Tally};
use crate::scan::Scanner;
use crate::sse::EventScanner;
use crate::{event_stream, shape};

/// Shapes, for the meter and for the files of it that are compiled here.
const SHAPES: [(Shape, shape::Shape); 9] = [
    (Shape::Converse, shape::Shape::Converse),
    (Shape::Invoke, shape::Shape::Invoke),
    (Shape::Agent, shape::Shape::Agent),
    (Shape::Messages, shape::Shape::Messages),
    (Shape::ChatCompletions, shape::Shape::ChatCompletions),
    (Shape::Responses, shape::Shape::Responses),
    (Shape::Evaluate, shape::Shape::Evaluate),
    (Shape::Unreported, shape::Shape::Unreported),
    (Shape::Free, shape::Shape::Free),
];
/// Longest input: below every bound from which on the meter only knows that there was something.
const MAX_INPUT: usize = 2 << 10;
/// Separates the frames of a stream that is put together here. No byte of UTF-8 text.
const SEPARATOR: u8 = 0xff;

/// What a body is made of.
#[derive(Clone, Copy)]
enum Form {
    /// The bytes as they are, as event-stream frames.
    Raw,
    /// Pieces of them, each put into a frame.
    Framed,
    /// Server-sent events.
    Events,
    /// One JSON text.
    Whole,
}

/// Meters a response: a shape, a form and two chunk lengths, then the body.
pub fn run(data: &[u8]) {
    if data.len() > MAX_INPUT {
        return;
    }
    let mut input = Input::new(data);
    let (shape, own) = *input.choose(&SHAPES);
    let form = *input.choose(&[Form::Framed, Form::Events, Form::Whole, Form::Raw]);
    let cuts = [usize::from(input.byte()) + 1, usize::from(input.byte() % 16) + 1];
    let body = match form {
        Form::Framed => framed(input.rest()),
        Form::Raw | Form::Events | Form::Whole => input.rest().to_vec(),
    };
    let content_type = match form {
        Form::Raw | Form::Framed => event_stream::CONTENT_TYPE,
        Form::Events => "text/event-stream; charset=utf-8",
        Form::Whole => "application/json",
    };
    let whole = meter(shape, content_type, &body, &[body.len().max(1)]);
    for cuts in [&cuts[..], &[1]] {
        assert_eq!(meter(shape, content_type, &body, cuts), whole, "cut into {cuts:?}");
    }
    match form {
        Form::Raw | Form::Framed => frames(own, &body),
        Form::Events => events(own, &body),
        Form::Whole => text(own, &body),
    }
}

fn meter(shape: Shape, content_type: &'static str, body: &[u8], cuts: &[usize]) -> (Metered, Position) {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(content_type));
    let mut meter = Meter::new(shape, StatusCode::OK, &headers);
    let (mut rest, mut cuts) = (body, cuts.iter().cycle());
    while let (false, Some(cut)) = (rest.is_empty(), cuts.next()) {
        let (chunk, after) = rest.split_at((*cut).min(rest.len()));
        meter.push(chunk);
        rest = after;
    }
    let position = meter.position();
    (meter.read(true), position)
}

/// Whether a full decode may differ from a scan: a key with an escape is none of those that Bedrock writes.
fn is_escaped(text: &[u8]) -> bool {
    text.windows(2).any(|pair| pair == b"\\u")
}

fn assert_reports(found: Report, expected: Report) {
    assert_eq!((found.usage, found.closed), (expected.usage, expected.closed), "what a full decode finds");
}

/// Notes what a JSON text has at the paths; `None` where it is none.
fn note(tally: &mut Tally, text: &[u8]) -> Option<()> {
    if is_escaped(text) {
        return None;
    }
    let found = values(text, tally.paths())?;
    for (path, value) in found {
        tally.note(path, &value);
    }
    Some(())
}

fn text(shape: shape::Shape, body: &[u8]) {
    let mut expected = Tally::new(Rules::whole(shape));
    if note(&mut expected, body).is_none() {
        return;
    }
    let mut tally = Tally::new(Rules::whole(shape));
    Scanner::new(tally.paths()).push(body, &mut |path, raw| tally.note(path, raw));
    assert_reports(tally.report, expected.report);
}

fn events(shape: shape::Shape, body: &[u8]) {
    let mut expected = Tally::new(Rules::event(shape));
    for line in body.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let Some(data) = line.strip_prefix(b"data:") else { continue };
        let silent = !data.windows(7).any(|word| word == b"\"usage\"");
        if note(&mut expected, data).is_none() && !silent {
            return;
        }
    }
    let mut tally = Tally::new(Rules::event(shape));
    EventScanner::new(tally.paths()).push(body, &mut |path, raw| tally.note(path, raw));
    assert_reports(tally.report, expected.report);
}

/// A frame as a decoder that has all of the stream sees it.
struct Decoded<'a> {
    headers: Vec<(&'a [u8], &'a [u8])>,
    payload: &'a [u8],
}

impl<'a> Decoded<'a> {
    /// The first frame of `stream` and what follows; `None` where there is no whole one.
    fn split(stream: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let number = |at: usize| {
            let bytes = stream.get(at..at + 4)?.try_into().ok()?;
            usize::try_from(u32::from_be_bytes(bytes)).ok()
        };
        let (total, headers) = (number(0)?, number(4)?);
        let frame = stream.get(..total)?;
        let (headers, rest) = frame.get(12..total.checked_sub(4)?)?.split_at_checked(headers)?;
        Some((Self { headers: Self::headers(headers), payload: rest }, &stream[total..]))
    }

    /// Headers that are strings, up to the first that is none a frame can have.
    fn headers(mut rest: &'a [u8]) -> Vec<(&'a [u8], &'a [u8])> {
        let mut all = Vec::new();
        let mut next = || {
            let take = |rest: &mut &'a [u8], length: usize| {
                let (taken, after) = rest.split_at_checked(length)?;
                *rest = after;
                Some(taken)
            };
            let length = take(&mut rest, 1)?[0];
            let name = take(&mut rest, length.into())?;
            let kind = take(&mut rest, 1)?[0];
            let fixed = [0, 0, 1, 2, 4, 8, 0, 0, 8, 16];
            let length = match kind {
                6 | 7 => u16::from_be_bytes(take(&mut rest, 2)?.try_into().ok()?).into(),
                _ => *fixed.get(usize::from(kind))?,
            };
            let value = take(&mut rest, length)?;
            Some((kind == 7).then_some((name, value)))
        };
        while let Some(header) = next() {
            all.extend(header);
        }
        all
    }

    fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|(found, _)| *found == name.as_bytes()).map(|(_, value)| *value)
    }
}

#[derive(Deserialize)]
struct Chunk {
    bytes: String,
}

fn frames(shape: shape::Shape, body: &[u8]) {
    let wanted: &[u8] = match shape {
        shape::Shape::Converse => b"metadata",
        shape::Shape::Invoke => b"chunk",
        shape::Shape::Agent => b"trace",
        _ => b"",
    };
    let (mut payloads, mut failed, mut rest) = (Vec::new(), false, body);
    while let Some((frame, after)) = Decoded::split(rest) {
        rest = after;
        match (frame.header(":message-type"), frame.header(":event-type")) {
            (Some(b"exception" | b"error"), _) => failed = true,
            (_, Some(event)) if event == wanted && !wanted.is_empty() => payloads.push(frame.payload),
            _ => {}
        }
    }
    let mut expected = Tally::new(Rules::frame(shape));
    if shape == shape::Shape::Invoke {
        let last = payloads.len().saturating_sub(1);
        let read = payloads.iter().enumerate().filter(|(number, _)| [0, last].contains(number));
        for (_, payload) in read {
            // Only the last chunk closes a call.
            expected.report.closed = false;
            let Ok(chunk) = serde_json::from_slice::<Chunk>(payload) else { continue };
            let Ok(text) = STANDARD.decode(chunk.bytes) else { continue };
            if note(&mut expected, &text).is_none() {
                return;
            }
        }
    } else {
        for payload in payloads {
            if note(&mut expected, payload).is_none() {
                return;
            }
        }
    }
    let mut scanner = FrameScanner::new(shape);
    scanner.push(body);
    assert_eq!(scanner.exception().is_some(), failed, "an exception is told");
    assert_reports(scanner.report(), expected.report);
}

/// Frames around the pieces of `bytes`. The first byte of each piece says what frame.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    for piece in bytes.split(|byte| *byte == SEPARATOR) {
        let mut piece = Input::new(piece);
        let kind = piece.byte();
        let event = *Input::new(&[kind]).choose(&["chunk", "metadata", "trace", "contentBlockDelta", "", "x"]);
        let payload = match event {
            "chunk" => format!("{{\"bytes\":\"{}\",\"p\":\"ab\"}}", STANDARD.encode(piece.rest())).into_bytes(),
            _ => piece.rest().to_vec(),
        };
        let headers: &[(&str, &str)] = match event {
            "" => &[(":message-type", "exception"), (":exception-type", "throttlingException")],
            "x" => &[(":message-type", "error"), (":error-code", "500")],
            _ => &[(":event-type", event), (":content-type", "application/json"), (":message-type", "event")],
        };
        stream.extend(frame(headers, &payload));
    }
    stream
}

/// A frame. Its checksums are zero: they are for the client's SDK.
fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, value) in headers {
        encoded.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        encoded.extend_from_slice(name.as_bytes());
        encoded.push(7);
        encoded.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        encoded.extend_from_slice(value.as_bytes());
    }
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let total = 16 + encoded.len() + payload.len();
    [&number(total)[..], &number(encoded.len()), &[0; 4], &encoded, payload, &[0; 4]].concat()
}

const BEDROCK: &str = r#"{"inputTokens":10,"outputTokens":5,"cacheReadInputTokens":20,"cacheWriteInputTokens":10,
    "cacheDetails":[{"ttl":"1h","inputTokens":4},{"ttl":"5m","inputTokens":6}]}"#;
const ANTHROPIC: &str = r#"{"input_tokens":10,"cache_creation_input_tokens":10,"cache_read_input_tokens":20,
    "output_tokens":5,"cache_creation":{"ephemeral_1h_input_tokens":4}}"#;
const CHAT: &str = r#"{"prompt_tokens":40,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":20}}"#;
const RESPONSES: &str = r#"{"input_tokens":40,"input_tokens_details":{"cached_tokens":2},"output_tokens":5}"#;
const METRICS: &str = r#"{"inputTokenCount":10,"outputTokenCount":5,"cacheReadInputTokenCount":2}"#;

/// Responses of every shape in every form.
pub fn seeds() -> Vec<Vec<u8>> {
    let usage = |object: &str| format!(r#"{{"text":"\"usage\":1","a":[1,{{"usage":2}}],"usage":{object}}}"#);
    let whole: Vec<(u8, String)> = vec![
        (0, usage(BEDROCK)),
        (1, usage(ANTHROPIC)),
        (1, r#"{"prompt_token_count":1,"generation_token_count":2}"#.into()),
        (1, r#"{"inputTextTokenCount":3,"results":[{"tokenCount":4},{"tokenCount":5}],"embedding":[0.5]}"#.into()),
        (3, usage(ANTHROPIC)),
        (4, usage(CHAT)),
        (5, usage(RESPONSES)),
        (6, format!(r#"{{"evaluationResults":[{{"tokenUsage":{BEDROCK}}},{{"tokenUsage":null}}]}}"#)),
    ];
    let events: [(u8, String); 3] = [
        (3, format!("event: a\ndata: {{\"message\":{{\"usage\":{ANTHROPIC}}}}}\n\ndata: {{\"usage\":{{\"output_tokens\":9}}}}\n\n")
            .replace("\n    ", "")),
        (4, format!("data: {{\"usage\":null}}\r\n\r\ndata: {{\"usage\":{CHAT}}}\r\rdata: [DONE]\n\n")),
        (5, format!(": c\ndata:{{\"response\":{{\"usage\":{RESPONSES}}}}}\n\n")),
    ];
    let metadata = format!("\x01{{\"usage\":{BEDROCK}}}");
    let trace =
        format!("\x02{{\"trace\":{{\"x\":{{\"modelInvocationOutput\":{{\"metadata\":{{\"usage\":{BEDROCK}}}}}}}}}}}");
    let first = format!("\x00{{\"message\":{{\"usage\":{ANTHROPIC}}}}}");
    let last = format!("\x00{{\"amazon-bedrock-invocationMetrics\":{METRICS}}}");
    let join = |parts: &[&str]| parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>().join(&SEPARATOR);
    let framed = [
        (0, join(&["\x03{}", &metadata])),
        (0, join(&["\x03{}", "\x04{}"])),
        (1, join(&[&first, "\x00{\"usage\":{\"output_tokens\":3}}", &last])),
        (1, join(&[&last])),
        // What the first chunk says is not the last word.
        (1, join(&[&last, "\x00{}"])),
        (1, join(&["\x00{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}", "\x03x"])),
        (2, join(&[&trace, "\x03x", &trace, "\x05"])),
    ];
    let mut seeds = Vec::new();
    for (shape, body) in &framed {
        seeds.push([&[*shape, 0, 30, 3], &body[..]].concat());
        seeds.push([&[*shape, 3, 30, 3], &self::framed(body)[..]].concat());
    }
    seeds.extend(events.iter().map(|(shape, body)| [&[*shape, 1, 30, 3], body.as_bytes()].concat()));
    seeds.extend(whole.iter().map(|(shape, body)| [&[*shape, 2, 30, 3], body.as_bytes()].concat()));
    seeds
}
