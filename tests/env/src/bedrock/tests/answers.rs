//! Answers, refusals, streams and the record of requests.

use super::*;

#[tokio::test]
async fn converse_answers_and_is_recorded() {
    let stub = stub().await;
    let (parts, body) = call(&stub, &format!("{HAIKU}/converse?x=1&x=2"), &converse("hello world"), &[]).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert_eq!(header(&parts, "x-amzn-requestid").len(), 36);
    let body = value(&body);
    assert_eq!(body["output"]["message"]["content"][0]["text"], "echo of hello world");
    assert_eq!(body["stopReason"], "end_turn");
    let usage = json!({ "inputTokens": 2, "outputTokens": 4, "totalTokens": 6, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0, "cacheDetails": [] });
    assert_eq!(body["usage"], usage);

    let (status, records) = control(&stub, "GET", "/_stub/requests", json!(null)).await;
    assert_eq!(status, StatusCode::OK);
    let records: Vec<Record> = serde_json::from_value(records).unwrap();
    let record = &records[0];
    assert_eq!(record.target, format!("{HAIKU}/converse?x=1&x=2"));
    assert_eq!(record.model.as_deref(), Some("anthropic.claude-3-haiku-20240307-v1:0"));
    assert_eq!((record.operation.as_deref(), record.signature.as_str()), (Some("Converse"), "ok"));
    assert_eq!((record.host.as_str(), record.access_key.as_deref()), (stub.addr().to_string().as_str(), Some("AKID")));
    assert_eq!(record.header("content-type"), ["application/json"]);
    assert_eq!(value(record.body.as_bytes()), converse("hello world"));
    assert_eq!((record.status, record.end, record.sent_us.len()), (200, End::Complete, 1));
    assert_eq!(record.request_id, header(&parts, "x-amzn-requestid"));
    assert_eq!(record.usage, Some(Usage { input: 2, output: 4, ..Usage::default() }));
    control(&stub, "DELETE", "/_stub/requests", json!(null)).await;
    assert!(stub.stub().requests().is_empty());
}

#[tokio::test]
async fn refusals_have_the_wire_shape_of_aws() {
    let stub = stub().await;
    let mut request = signed(stub.addr(), &format!("{HAIKU}/converse"), "{}", &[]);
    *request.body_mut() = wire::full("{ }");
    let response = send(request).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers()["x-amzn-errortype"], "InvalidSignatureException");
    assert!(response.headers().contains_key("x-amzn-requestid"));
    let unsigned = Request::post(format!("{}/x", stub.url())).body(wire::full("")).unwrap();
    assert_eq!(send(unsigned).await.headers()["x-amzn-errortype"], "MissingAuthenticationTokenException");
    let records = stub.stub().requests();
    assert_eq!(records[0].signature, "InvalidSignatureException");
    assert_eq!(records[1].signature, "MissingAuthenticationTokenException");
}

#[tokio::test]
async fn bad_input_is_a_400_or_404() {
    let stub = stub().await;
    for (path, body, status, code) in [
        ("/model/m/converse", "{}", 400, "ValidationException"),
        ("/model/m/converse", "", 400, "ValidationException"),
        ("/model/m/converse", "not json", 400, "SerializationException"),
        ("/model/anthropic.claude-x/invoke", r#"{"messages":[]}"#, 400, "ValidationException"),
        ("/model/m/dance", "{}", 404, "UnknownOperationException"),
        ("/knowledgebases/KB/retrieve", "{}", 400, "ValidationException"),
    ] {
        let response = send(signed(stub.addr(), path, body, &[])).await;
        assert_eq!(
            (response.status().as_u16(), response.headers()["x-amzn-errortype"].as_bytes()),
            (status, code.as_bytes()),
            "{path} {body}"
        );
    }
}

#[tokio::test]
async fn the_host_chooses_the_family() {
    let stub = stub().await;
    let host = [("host", "bedrock-agent-runtime.eu-central-1.amazonaws.com")];
    let query = json!({ "retrievalQuery": { "text": "tea" } });
    let (parts, body) = call(&stub, "/knowledgebases/KB/retrieve", &query, &host).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert_eq!(value(&body)["retrievalResults"][0]["content"]["text"], "passage 1 about tea");
    let (parts, _) = call(&stub, "/model/m/converse", &converse("x"), &host).await;
    assert_eq!(parts.status, StatusCode::NOT_FOUND);
    assert_eq!(stub.stub().requests()[1].family, "bedrock-agent-runtime");
}

#[tokio::test]
async fn cached_prompts_are_written_once_and_read_after() {
    let stub = stub().await;
    let mut body = converse("short question");
    body["system"] = json!([{ "text": "a long system prompt" }, { "cachePoint": { "type": "default" } }]);
    for (read, write) in [(0, 4), (4, 0)] {
        let (_, answer) = call(&stub, "/model/m/converse", &body, &[]).await;
        let usage = &value(&answer)["usage"];
        assert_eq!((&usage["cacheReadInputTokens"], &usage["cacheWriteInputTokens"]), (&json!(read), &json!(write)));
        assert_eq!(usage["inputTokens"], 2);
    }
}

#[tokio::test]
async fn converse_stream_is_an_event_stream_that_arrives_in_pieces() {
    let stub = stub().await;
    let request = signed(stub.addr(), &format!("{HAIKU}/converse-stream"), &converse("5 words").to_string(), &[]);
    let response = send(request).await;
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    let mut body = response.into_body();
    let (mut bytes, mut pieces) = (Vec::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        bytes.extend(frame.unwrap().into_data().unwrap());
        let seen = decode(&bytes).0.len();
        // The server has not sent what comes later: nothing is held back until the end.
        pieces.push((seen, stub.stub().requests()[0].sent_us.len()));
    }
    assert!(pieces.iter().any(|(seen, sent)| *seen < 9 && *sent < 9), "{pieces:?}");
    let (frames, rest) = decode(&bytes);
    assert!(rest.is_empty());
    let mut expected = vec!["messageStart"];
    expected.extend(["contentBlockDelta"; 5]);
    expected.extend(["contentBlockStop", "messageStop", "metadata"]);
    assert_eq!(events(&frames), expected);
    let text: String =
        frames[1..6].iter().map(|frame| frame.json()["delta"]["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(text, "word1 word2 word3 word4 word5");
    assert_eq!(frames[8].json()["usage"]["outputTokens"], 5);
    let record = &stub.stub().requests()[0];
    assert_eq!((record.sent_us.len(), record.end), (9, End::Complete));
    assert!(record.sent_us[5] - record.sent_us[1] >= 40_000, "four pauses of 10 ms: {:?}", record.sent_us);
}

#[tokio::test]
async fn invoke_reports_tokens_in_headers_and_in_the_last_chunk() {
    let stub = stub().await;
    let anthropic = json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 3, "messages": [{ "role": "user", "content": "one two" }] });
    let nova = converse("one two");
    let titan = json!({ "inputText": "one two" });
    for (model, body, output) in
        [("anthropic.claude-x", &anthropic, "3"), ("amazon.nova-x", &nova, "4"), ("amazon.titan-x", &titan, "4")]
    {
        let (parts, _) = call(&stub, &format!("/model/{model}/invoke"), body, &[]).await;
        assert_eq!(parts.status, StatusCode::OK, "{model}");
        assert_eq!(header(&parts, "x-amzn-bedrock-input-token-count"), "2");
        assert_eq!(header(&parts, "x-amzn-bedrock-output-token-count"), output);

        let (parts, bytes) = call(&stub, &format!("/model/{model}/invoke-with-response-stream"), body, &[]).await;
        assert_eq!(header(&parts, "x-amzn-bedrock-content-type"), "application/json");
        let (frames, rest) = decode(&bytes);
        assert!(rest.is_empty());
        assert!(frames.iter().all(|frame| frame.header(":event-type") == "chunk"));
        let chunk = |frame: &Decoded| value(&STANDARD.decode(frame.json()["bytes"].as_str().unwrap()).unwrap());
        let metrics = &chunk(frames.last().unwrap())["amazon-bedrock-invocationMetrics"];
        assert_eq!(metrics["outputTokenCount"].to_string(), output, "{model}");
        assert!(chunk(&frames[0]).get("amazon-bedrock-invocationMetrics").is_none());
    }
    let (_, body) = call(&stub, "/model/anthropic.claude-x/invoke", &anthropic, &[]).await;
    assert_eq!(value(&body)["stop_reason"], "max_tokens");
    let input = json!({ "input": { "invokeModel": { "body": STANDARD.encode(anthropic.to_string()) } } });
    let (_, body) = call(&stub, "/model/anthropic.claude-x/count-tokens", &input, &[]).await;
    assert_eq!(value(&body), json!({ "inputTokens": 2 }));
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let stub = stub().await;
    let response =
        send(signed(stub.addr(), "/model/m/converse-stream", &converse("5000 words").to_string(), &[])).await;
    drop(response);
    for _ in 0..500 {
        if stub.stub().requests()[0].end == End::ClientGone {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still {:?}", stub.stub().requests()[0].end);
}

#[tokio::test]
async fn serves_tls_and_learns_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let ca = crate::front::Ca::generate(dir.path()).unwrap();
    let mut config = Config::new("eu-central-1");
    config.tls = Some(ca.server_config(&[], &["http/1.1"]).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stub = spawn(listener, config).unwrap();
    let secret = Secret { secret_key: "secret".into(), session_token: Some("token".into()) };
    stub.stub().add_credential("AKID", secret);
    assert!(stub.url().starts_with("https://127.0.0.1:"));
    let tcp = TcpStream::connect(stub.addr()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(ca.client_config(&["http/1.1"]).unwrap());
    let tls = connector.connect("127.0.0.1".try_into().unwrap(), tcp).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.unwrap();
    tokio::spawn(connection);
    let mut request = signed(stub.addr(), "/model/m/converse", &converse("x").to_string(), &[]);
    request.headers_mut().insert("host", stub.addr().to_string().parse().unwrap());
    assert_eq!(sender.send_request(request).await.unwrap().status(), StatusCode::OK);
    stub.stop().await;
}
