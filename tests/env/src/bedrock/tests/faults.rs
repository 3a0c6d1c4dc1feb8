//! Each scripted fault, as the client sees it.

use std::fmt::Write;

use super::*;

#[tokio::test]
async fn status_faults_by_header_and_by_rule() {
    let stub = stub().await;
    let path = format!("{HAIKU}/converse");
    let (parts, body) = call(&stub, &path, &converse("x"), &[(FAULT_HEADER, "status=429;retry_after=7")]).await;
    assert_eq!(parts.status.as_u16(), 429);
    assert_eq!(header(&parts, "x-amzn-errortype"), "ThrottlingException");
    assert_eq!(header(&parts, "retry-after"), "7");
    assert!(value(&body)["message"].is_string());

    let rule = json!({ "match": { "model_contains": "haiku" }, "times": 2, "fault": { "status": 424 } });
    assert_eq!(control(&stub, "POST", "/_stub/faults", rule).await.0, StatusCode::CREATED);
    assert_eq!(control(&stub, "POST", "/_stub/faults", json!({ "falt": {} })).await.0, StatusCode::BAD_REQUEST);
    let mut seen = Vec::new();
    for path in ["/model/other/converse", &path, &path, &path] {
        seen.push(call(&stub, path, &converse("x"), &[]).await.0.status.as_u16());
    }
    assert_eq!(seen, [200, 424, 424, 200]);
    let rules = control(&stub, "GET", "/_stub/faults", json!(null)).await.1;
    assert_eq!(rules[0]["applied"], 2);
    control(&stub, "DELETE", "/_stub/faults", json!(null)).await;

    let fault = Fault { body: Some(r#"{"any":1}"#.into()), ..Fault::default() };
    stub.stub().faults().add(Rule::new(Match::default(), 1, 1, fault));
    let (parts, body) = call(&stub, "/anything/at/all", &json!({}), &[]).await;
    assert_eq!((parts.status, value(&body)), (StatusCode::OK, json!({ "any": 1 })));
}

#[tokio::test]
async fn latency_comes_before_the_headers_and_a_slow_first_byte_after_them() {
    let stub = stub().await;
    let path = format!("{HAIKU}/converse-stream");
    let start = Instant::now();
    send(signed(stub.addr(), &path, &converse("x").to_string(), &[(FAULT_HEADER, "latency_ms=60")])).await;
    assert!(start.elapsed() >= Duration::from_millis(60));
    let response =
        send(signed(stub.addr(), &path, &converse("x").to_string(), &[(FAULT_HEADER, "first_byte_ms=60")])).await;
    // Headers are here, and no frame has been sent.
    assert!(stub.stub().requests()[1].sent_us.is_empty());
    let (bytes, broken) = drain(response).await;
    assert!(!broken && !bytes.is_empty());
    let record = &stub.stub().requests()[1];
    assert!(record.sent_us[0] - record.received_us >= 60_000);
}

#[tokio::test]
async fn a_cut_breaks_the_transfer_at_the_wanted_place() {
    let stub = stub().await;
    let path = format!("{HAIKU}/converse-stream");
    for (order, frames, partial, broken) in [
        ("cut=reset;after_frames=3", 3, false, true),
        ("cut=reset;after_frames=2;inside_frame=true", 2, true, true),
        ("cut=close;after_frames=2;inside_frame=true", 2, true, true),
        ("cut=end;after_frames=4", 4, false, false),
    ] {
        let response =
            send(signed(stub.addr(), &path, &converse("9 words").to_string(), &[(FAULT_HEADER, order)])).await;
        let (bytes, error) = drain(response).await;
        let (decoded, rest) = decode(&bytes);
        assert_eq!((decoded.len(), !rest.is_empty(), error), (frames, partial, broken), "{order}");
        assert_eq!(stub.stub().requests().last().unwrap().end, End::Cut);
    }
    let whole =
        signed(stub.addr(), &format!("{HAIKU}/converse"), &converse("x").to_string(), &[(FAULT_HEADER, "cut=reset")]);
    let (bytes, error) = drain(send(whole).await).await;
    assert!(error && !bytes.is_empty());
}

#[tokio::test]
async fn a_reset_is_a_tcp_reset_and_a_close_is_not() {
    let stub = stub().await;
    for (order, reset) in [("cut=reset;after_frames=1", true), ("cut=close;after_frames=1", false)] {
        let request =
            signed(stub.addr(), "/model/m/converse-stream", &converse("x").to_string(), &[(FAULT_HEADER, order)]);
        let mut text = format!("POST {} HTTP/1.1\r\n", request.uri().path());
        for (name, value) in request.headers() {
            write!(text, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
        }
        let body = converse("x").to_string();
        let (host, length) = (stub.addr(), body.len());
        write!(text, "host: {host}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        let mut socket = TcpStream::connect(stub.addr()).await.unwrap();
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let ended = socket.read_to_end(&mut bytes).await;
        assert!(bytes.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(ended.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset), reset, "{order}");
    }
}

#[tokio::test]
async fn an_exception_frame_ends_a_stream_in_good_order() {
    let stub = stub().await;
    for name in ["throttlingException", "modelStreamErrorException"] {
        let order = format!("exception={name};after_frames=2;message=enough");
        let (parts, bytes) =
            call(&stub, &format!("{HAIKU}/converse-stream"), &converse("x"), &[(FAULT_HEADER, &order)]).await;
        assert_eq!(parts.status, StatusCode::OK);
        let (frames, rest) = decode(&bytes);
        assert!(rest.is_empty());
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[2].header(":message-type"), "exception");
        assert_eq!(frames[2].header(":exception-type"), name);
        assert_eq!(frames[2].json()["message"], "enough");
    }
}
