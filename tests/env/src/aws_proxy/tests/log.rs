//! Transparency and the log.

use super::*;

#[tokio::test]
async fn calls_pass_unchanged_and_are_logged_without_secrets() {
    let upstream = upstream().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls.jsonl");
    let mut config = Config::new(upstream.running.addr().to_string().parse().unwrap());
    config.log = Some(path.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scene = Scene { upstream, proxy: spawn(listener, config).unwrap() };

    let target = "/restapis/a1/stages/l%3Aive?secret=query&b=2";
    let got = scene.call("apigateway", "PATCH", target, &[], r#"{"secret":"body"}"#).await.unwrap();
    assert_eq!(got.json(), json!({ "target": target, "host": "signed.example:1", "body": "{\"secret\":\"body\"}" }));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    // What a call is about is logged, as a policy's resource needs it; nothing else of a body is.
    let body = "Action=GetRole&RoleName=forwarder&Marker=secret";
    let got = scene.call("iam", "POST", "/", &form, body).await.unwrap();
    assert_eq!(got.json()["body"], body);
    assert_eq!(scene.rest("GET", "/restapis/missing").await.unwrap().status, 404);

    let got = scene.call("", "GET", "/_proxy/calls?since=0", &[], "").await.unwrap();
    let page: Page = serde_json::from_value(got.json()).unwrap();
    let calls: Vec<_> =
        page.calls.iter().map(|call| (call.service.as_str(), call.operation.as_str(), call.is_write)).collect();
    assert_eq!(
        calls,
        [("apigateway", "UpdateStage", true), ("iam", "GetRole", false), ("apigateway", "GetRestApi", false)]
    );
    let first = &page.calls[0];
    assert_eq!(
        (first.resource.as_str(), first.status, first.reached, first.injected),
        ("/restapis/a1/stages/l%3Aive", 200, true, false)
    );
    assert_eq!(
        (first.caller.as_str(), first.region.as_str(), first.agent.as_str()),
        ("AKID", "eu-central-1", "aws-sdk-rust/1.0 app/test")
    );
    assert_eq!(page.calls[2].error_code.as_deref(), Some("NotFoundException"));
    assert_eq!(page.next, 3);
    assert_eq!(page.calls[1].named.subjects, ["forwarder"]);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert!(!text.contains("secret") && !text.contains("Signature"), "{text}");
    let lines: Vec<Call> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, page.calls);

    let newer = scene.call("", "GET", "/_proxy/calls?since=2", &[], "").await.unwrap().json();
    assert_eq!(newer["calls"].as_array().unwrap().len(), 1);
    assert_eq!(scene.call("", "GET", "/_proxy/calls?since=x", &[], "").await.unwrap().status, 400);
    scene.call("", "DELETE", "/_proxy/calls", &[], "").await.unwrap();
    assert!(scene.proxy.proxy().calls().since(0).calls.is_empty());
    scene.proxy.stop().await;
}

#[tokio::test]
async fn a_call_whose_caller_goes_away_is_finished_and_logged() {
    let scene = scene().await;
    let gone = tokio::time::timeout(Duration::from_millis(20), scene.rest("POST", "/restapis/a/slow")).await;
    assert!(gone.is_err());
    for _ in 0..500 {
        if let Some(call) = scene.proxy.proxy().calls().since(0).calls.pop() {
            assert_eq!((call.status, call.reached, scene.hits()), (200, true, 1));
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the call was not logged");
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_502() {
    // Nothing listens on this port.
    let config = Config::new("127.0.0.1:1".parse().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scene = Scene { proxy: spawn(listener, config).unwrap(), upstream: upstream().await };
    assert_eq!(scene.rest("GET", "/restapis").await.unwrap().status, 502);
    assert_eq!(scene.last().error_code.as_deref(), Some("UpstreamUnreachable"));
}
