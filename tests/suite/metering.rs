//! The meter against the truth: the forwarder's core between a client and the Bedrock stub, which knows what every call
//! used. Each API, streamed and not, with and without a prompt cache, whole and broken half-way.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aigw_contract::Credential;
use aigw_env::bedrock::{self, FAULT_HEADER, Record};
use aigw_env::net::wire;
use aigw_forwarder::access_log::AccessLog;
use aigw_forwarder::serve::PolicyFile;
use aigw_forwarder::serve::build_server;
use aigw_forwarder::settings::Settings;
use aigw_tests::harness::{Suite, test};
use aigw_tests::usage::{counted, logged};
use aigw_tests::{Outcome, ensure, ensure_eq};
use http::Request;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

const REGION: &str = "eu-central-1";
const KEY: (&str, &str) = ("AKIDEXAMPLE", "the-secret-key");
/// For a line to be written after the client has its response.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn suite() -> Suite {
    let tests = vec![
        test(module_path!(), "every_call_is_metered_as_the_stub_counted_it", every_call),
        test(module_path!(), "a_stream_broken_half_way_is_never_more_than_the_truth", broken),
        test(module_path!(), "what_no_api_reports_is_unknown_and_not_zero", unreported),
    ];
    Suite::new("metering", tests)
}

/// One kind of call.
struct Call {
    path: &'static str,
    body: Value,
    /// Whether the wire tells how long a cache entry lives.
    split: bool,
    streamed: bool,
}

fn call(path: &'static str, body: Value) -> Call {
    Call { path, body, split: false, streamed: false }
}

fn split(path: &'static str, body: Value) -> Call {
    Call { split: true, ..call(path, body) }
}

fn streamed(call: Call) -> Call {
    Call { streamed: true, ..call }
}

/// Content blocks whose first is to be cached, in the form of the API.
fn content(cache: Option<(&str, Value)>) -> Value {
    let mut blocks = vec![json!({ "text": "a long system prompt of eight words" })];
    match cache {
        Some(("cachePoint", marker)) => blocks.push(json!({ "cachePoint": marker })),
        Some((name, marker)) => blocks[0][name] = marker,
        None => {}
    }
    blocks.push(json!({ "text": "say hello" }));
    for block in &mut blocks {
        if block.get("text").is_some() && block.get("type").is_none() {
            block["type"] = "text".into();
        }
    }
    blocks.into()
}

fn messages(cache: Option<(&str, Value)>) -> Value {
    json!([{ "role": "user", "content": content(cache) }])
}

/// Every API that reports usage, as a client would call it.
fn reporting() -> Vec<Call> {
    let point = || Some(("cachePoint", json!({ "type": "default", "ttl": "1h" })));
    let control = || Some(("cache_control", json!({ "type": "ephemeral", "ttl": "1h" })));
    let anthropic =
        || json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 90, "messages": messages(control()) });
    let chat = |stream: bool| {
        json!({
            "model": "openai.gpt-oss-20b-1:0", "messages": messages(control()), "stream": stream,
            "stream_options": { "include_usage": stream },
        })
    };
    let responses =
        |stream: bool| json!({ "model": "openai.gpt-oss-20b-1:0", "input": messages(control()), "stream": stream });
    let claude = |stream: bool| json!({ "model": "anthropic.claude-x", "max_tokens": 90, "messages": messages(control()), "stream": stream });
    let titan = || json!({ "inputText": "say hello" });
    let llama = || json!({ "prompt": "say hello" });
    vec![
        split("/model/m%3A0/converse", json!({ "messages": messages(point()) })),
        streamed(split("/model/m%3A0/converse-stream", json!({ "messages": messages(point()) }))),
        split("/model/anthropic.claude-x/invoke", anthropic()),
        streamed(split("/model/anthropic.claude-x/invoke-with-response-stream", anthropic())),
        split("/model/imported-model%2Fanthropic.claude-x/invoke", anthropic()),
        // Headers and metrics hold no split, so Nova's own body has it and its stream does not.
        split("/model/amazon.nova-lite-v1%3A0/invoke", json!({ "messages": messages(point()) })),
        streamed(call(
            "/model/amazon.nova-lite-v1%3A0/invoke-with-response-stream",
            json!({ "messages": messages(point()) }),
        )),
        split("/model/imported-model%2Famazon.nova/invoke", json!({ "messages": messages(point()) })),
        call("/model/amazon.titan-text-x/invoke", titan()),
        call("/model/imported-model%2Famazon.titan-text-x/invoke", titan()),
        streamed(call("/model/amazon.titan-text-x/invoke-with-response-stream", titan())),
        call("/model/amazon.titan-embed-text-v2%3A0/invoke", titan()),
        call("/model/imported-model%2Famazon.titan-embed/invoke", titan()),
        call("/model/meta.llama3/invoke", llama()),
        call("/model/imported-model%2Fmeta.llama3/invoke", llama()),
        streamed(call("/model/meta.llama3/invoke-with-response-stream", llama())),
        call("/model/openai.gpt-oss-20b-1%3A0/invoke", chat(false)),
        call("/model/imported-model%2Fqwen.qwen3/invoke", chat(false)),
        streamed(call("/model/openai.gpt-oss-20b-1%3A0/invoke-with-response-stream", chat(false))),
        call("/openai/v1/chat/completions", chat(false)),
        streamed(call("/openai/v1/chat/completions", chat(true))),
        call("/openai/v1/responses", responses(false)),
        streamed(call("/openai/v1/responses", responses(true))),
        split("/anthropic/v1/messages", claude(false)),
        streamed(split("/anthropic/v1/messages", claude(true))),
    ]
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client of a gateway in front of a stub.
struct World {
    stub: bedrock::Handle,
    log: Captured,
    address: SocketAddr,
    authorization: String,
    calls: usize,
}

/// What one call came to on both sides.
struct Seen {
    truth: Record,
    line: Value,
    body: Vec<u8>,
}

impl World {
    /// Sends one request, with a fault ordered of the stub; whether the response breaks is no matter.
    async fn send(&mut self, path: &str, body: &Value, fault: &str) -> Outcome<Seen> {
        let family = if path.starts_with("/agents") || path.starts_with("/retrieve") {
            "bedrock-agent-runtime"
        } else {
            "bedrock-runtime"
        };
        let request = Request::post(format!("http://{}/{family}{path}", self.address))
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .header(FAULT_HEADER, fault)
            .body(wire::full(body.to_string()))?;
        let response = wire::http_client().request(request).await?;
        let body = collect(response.into_body()).await;
        let truth = self.stub.stub().requests().pop().ok_or("the stub got no request")?;
        ensure_eq!(truth.signature, "ok", "{path}: {:?}", truth.refusal);
        self.calls += 1;
        Ok(Seen { truth, line: self.line().await?, body })
    }

    /// The line of the last call.
    async fn line(&self) -> Outcome<Value> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let text = self.log.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
            if let Some(line) = lines.get(self.calls - 1) {
                return Ok(serde_json::from_slice(line)?);
            }
            ensure!(tokio::time::Instant::now() < deadline, "no line was written");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// All that comes of a body, be it whole or not.
async fn collect(body: impl http_body::Body<Data = bytes::Bytes> + Send) -> Vec<u8> {
    let mut body = std::pin::pin!(body);
    let mut all = Vec::new();
    while let Some(Ok(frame)) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        all.extend(frame.into_data().unwrap_or_default());
    }
    all
}

fn in_world(test: impl AsyncFnOnce(&mut World) -> Outcome) -> Outcome {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut config = bedrock::Config::new(REGION).with_credential(KEY.0, KEY.1, None);
        config.chunk_interval = Duration::from_millis(1);
        let stub = bedrock::spawn(TcpListener::bind("127.0.0.1:0").await?, config)?;
        let environment = [
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", KEY.0),
            ("AWS_SECRET_ACCESS_KEY", KEY.1),
            ("AIGW_TABLE_NAME", "none"),
            ("AIGW_BEDROCK_ENDPOINT_OVERRIDE", &stub.url()),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let settings = Settings::read(|name| {
            environment.iter().find(|(found, _)| *found == name).map(|(_, value)| value.clone())
        })?;
        let credential = Credential::new("t1", "k1", &[7; 32])?;
        let file = json!({
            "gateway": { "families": ["bedrock-runtime", "bedrock-agent-runtime"] },
            "tenants": [{ "credentials": [credential.expose()] }],
        });
        let log = Captured::default();
        let file = PolicyFile::parse(file.to_string().as_bytes())?;
        let server = build_server(&settings, Some(file), AccessLog::to("gateway", log.clone())).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let authorization = format!("Bearer {}", credential.expose());
        let mut world = World { stub, log, address: listener.local_addr()?, authorization, calls: 0 };
        let local = LocalSet::new();
        tokio::select! {
            () = local.run_until(server.run(listener)) => Err("the server ended".into()),
            outcome = test(&mut world) => outcome,
        }
    })
}

fn every_call() -> Outcome {
    in_world(async |world| {
        let mut written = 0;
        for call in reporting() {
            // The second time the prompt's beginning is read from the cache, where there is one.
            for time in 1..=2 {
                let Seen { truth: record, line, .. } = world.send(call.path, &call.body, "").await?;
                let usage = record.usage.ok_or("the stub used nothing")?;
                let place = format!("{} streamed {}, time {time}: {line}", call.path, call.streamed);
                ensure_eq!(logged(&line), counted(usage).map(Some), "{place}");
                ensure_eq!(line["uncachedInputTokens"], usage.input, "{place}");
                ensure_eq!((&line["usage"], &line["outcome"]), (&json!("complete"), &json!("complete")), "{place}");
                if call.split && usage.cache_write > 0 {
                    written += 1;
                    ensure_eq!(line["cacheCreation1hInputTokens"], usage.cache_write_1h, "{place}");
                }
            }
        }
        ensure!(written > 3, "only {written} calls wrote to a cache");
        Ok(())
    })
}

fn broken() -> Outcome {
    in_world(async |world| {
        let (mut cut, mut partial) = (0, 0);
        for call in reporting().into_iter().filter(|call| call.streamed) {
            for (frames, inside) in [(0, false), (1, false), (1, true), (3, false), (4, true), (5, false)] {
                let fault = format!("cut=close;after_frames={frames};inside_frame={inside}");
                let Seen { truth: record, line, body } = world.send(call.path, &call.body, &fault).await?;
                let usage = record.usage.ok_or("the stub used nothing")?;
                let place = format!("{} after {frames} frames, inside {inside}: {line}", call.path);
                ensure_eq!(line["outcome"], "broken", "{place}");
                let read = logged(&line);
                for (read, truth) in read.iter().zip(counted(usage)) {
                    ensure!(read.is_none_or(|read| read <= truth), "{place}: more than {truth}");
                }
                match line["usage"].as_str() {
                    Some("unknown") => ensure_eq!(read, [None; 4], "{place}"),
                    Some("partial") => partial += 1,
                    Some("complete") => ensure_eq!(read, counted(usage).map(Some), "{place}"),
                    other => ensure!(false, "{place}: {other:?}"),
                }
                if frames > 0 && !inside {
                    let text = String::from_utf8_lossy(&body);
                    let told = text.contains("internalServerException") || text.contains("event: error");
                    ensure!(told, "{place}: the client was not told in the stream");
                }
                cut += 1;
            }
        }
        ensure_eq!(cut, 54, "streams that were cut");
        ensure!(partial > 5, "{partial} of them had a part of their usage");
        Ok(())
    })
}

fn unreported() -> Outcome {
    in_world(async |world| {
        let chat = json!({ "model": "openai.gpt-oss-20b-1:0", "messages": messages(None), "stream": true });
        let agent = "/agents/a/agentAliases/b/sessions/c/text";
        for (path, body) in [
            ("/openai/v1/chat/completions", chat),
            (agent, json!({ "inputText": "say hello" })),
            ("/retrieveAndGenerate", json!({ "input": { "text": "say hello" } })),
            ("/guardrail/g/version/1/apply", json!({})),
        ] {
            let Seen { truth: record, line, .. } = world.send(path, &body, "").await?;
            ensure_eq!((record.status, &line["usage"]), (200, &json!("unknown")), "{path}");
            ensure_eq!((logged(&line), &line["unknownUsage"]), ([None; 4], &json!(1)), "{path}");
        }
        let Seen { truth: record, line, .. } =
            world.send(agent, &json!({ "inputText": "say hello", "enableTrace": true }), "").await?;
        let usage = record.usage.ok_or("the stub used nothing")?;
        ensure_eq!(line["usage"], "partial", "an agent's traces are not all it did");
        ensure_eq!(logged(&line), [Some(usage.input), Some(usage.output), None, None], "{line}");

        let count = json!({ "input": { "converse": { "messages": messages(None) } } });
        let Seen { line, .. } = world.send("/model/m/count-tokens", &count, "").await?;
        ensure_eq!((&line["usage"], logged(&line)), (&json!("free"), [None; 4]), "counting is free");
        let Seen { line, .. } =
            world.send("/model/m/converse", &json!({ "messages": messages(None) }), "status=429").await?;
        ensure_eq!((&line["usage"], &line["outcome"]), (&json!("free"), &json!("rejected")), "a refusal is free");
        let streamed = json!({ "messages": messages(None) });
        let fault = "exception=throttlingException;after_frames=2";
        let Seen { line, .. } = world.send("/model/m/converse-stream", &streamed, fault).await?;
        ensure_eq!(
            (&line["usage"], &line["outcome"]),
            (&json!("unknown"), &json!("rejected")),
            "refused in the stream"
        );
        ensure_eq!(line["error.type"], "throttlingException", "{line}");
        Ok(())
    })
}
