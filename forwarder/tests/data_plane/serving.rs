//! The same core as an HTTP server: identity, fidelity, streaming and the log line, over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use aigw_forwarder::access_log::AccessLog;
use aigw_forwarder::serve::PolicyFile;
use aigw_forwarder::serve::build_server;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use crate::support::process::Process;
use crate::support::world::{PRICED, PRICED_BODY, World, month};

const CONVERSE: &str = "/bedrock-runtime/model/a%3Ab%2Fc/converse";

/// Runs `test` beside a server whose tenants are those of the world's table, or of a file.
async fn serving(world: &World, file: Option<PolicyFile>, test: impl AsyncFnOnce(SocketAddr)) {
    let log = AccessLog::to("i/AIGateway/n/g", world.log.clone());
    let server = build_server(&world.settings, file, log).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let local = LocalSet::new();
    tokio::select! {
        () = local.run_until(server.run(listener)) => panic!("the server ended"),
        () = test(address) => {}
    }
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    sender
}

fn request(path: &str, authorization: &[&str], body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut request = Request::post(path).header("host", "gateway.example").header("content-type", "application/json");
    for value in authorization {
        request = request.header("authorization", *value);
    }
    request.body(Full::new(body.into())).unwrap()
}

async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Response<Incoming> {
    connect(address).await.send_request(request).await.unwrap()
}

async fn json_of(response: Response<Incoming>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

fn bearer(world: &World) -> String {
    format!("Bearer {}", world.credential.expose())
}

#[tokio::test]
async fn a_call_passes_byte_for_byte_and_is_logged() {
    let world = World::new().await;
    serving(&world, None, async |address| {
        let path = format!("{CONVERSE}?b=1&a=%2F&b=2");
        let response = send(address, request(&path, &[&bearer(&world)], r#"{"messages":[]}"#)).await;
        assert_eq!(
            (response.status(), &response.headers()["x-amzn-requestid"]),
            (StatusCode::OK, &"bedrock-1".parse().unwrap())
        );
        assert_eq!(json_of(response).await, json!({ "ok": true }));
        let arrived = world.bedrock.take_arrived().remove(0);
        assert_eq!(arrived.parts.uri.to_string(), "/model/a%3Ab%2Fc/converse?b=1&a=%2F&b=2");
        assert_eq!(arrived.body, r#"{"messages":[]}"#);
        let line = &world.log.lines(1).await[0];
        assert_eq!((&line["outcome"], &line["tenant"]), (&json!("complete"), &json!("t1")));
        assert_eq!((&line["requestBytes"], &line["responseBytes"]), (&json!(15), &json!(11)));
        assert!(!world.log.text().contains(world.credential.expose()));
    })
    .await;
}

#[tokio::test]
async fn who_calls_is_decided_before_anything_else() {
    let world = World::new().await;
    serving(&world, None, async |address| {
        let good = bearer(&world);
        for (authorization, status, error_type) in [
            (&[][..], 401, "UnrecognizedClientException"),
            (&["Bearer x"], 401, "UnrecognizedClientException"),
            (&[&good, &good], 401, "UnrecognizedClientException"),
        ] {
            let response = send(address, request(CONVERSE, authorization, "{}")).await;
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["x-amzn-errortype"], error_type);
        }
        world.set_policy(2, &json!({ "suspended": "Team" }));
        world.set_meter(2, true);
        let response = send(address, request(CONVERSE, &[&good], "{}")).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert!(json_of(response).await["message"].as_str().unwrap().contains("suspended by its own team"));
        assert!(world.bedrock.take_arrived().is_empty());
        let outcomes: Vec<_> = world.log.lines(4).await.iter().map(|line| line["outcome"].clone()).collect();
        assert_eq!(outcomes, ["refused"; 4]);
    })
    .await;
}

#[tokio::test]
async fn limits_of_a_policy_file_are_held_in_memory() {
    let world = World::new().await;
    let policy = json!({ "limits": { "requestsPerMinute": 1 } });
    let file = json!({ "tenants": [{ "credentials": [world.credential.expose()], "policy": policy }] });
    let file = PolicyFile::parse(file.to_string().as_bytes()).unwrap();
    serving(&world, Some(file), async |address| {
        let mut statuses = Vec::new();
        // The minute may end once in between.
        for _ in 0..4 {
            statuses.push(send(address, request(CONVERSE, &[&bearer(&world)], "{}")).await.status().as_u16());
        }
        assert_eq!(statuses[0], 200);
        assert!(statuses.iter().filter(|status| **status == 429).count() >= 2, "{statuses:?}");
        let usage = Request::get("/.aigw/usage").header("host", "gateway.example");
        let usage = usage.header("authorization", bearer(&world)).body(Full::default()).unwrap();
        let document = json_of(send(address, usage).await).await;
        assert_eq!((&document["windows"][0]["limit"], &document["inFlight"]["used"]), (&json!(1), &json!(0)));
    })
    .await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_reserved() {
    let world = World::new().await;
    serving(&world, None, async |address| {
        let feed = world.bedrock.answer_fed("application/json");
        let response = send(address, request(CONVERSE, &[&bearer(&world)], "{}")).await;
        assert_eq!(world.table.number("meter#t1", "now", "inFlight"), 1);
        drop(response);
        feed.closed().await;
        // The other one goes before Bedrock has answered at all.
        let hold = world.bedrock.held.write().await;
        let mut client = connect(address).await;
        let waiting = client.send_request(request(CONVERSE, &[&bearer(&world)], "{}"));
        world.bedrock.take_arrived();
        let _ = tokio::time::timeout(Duration::from_secs(1), async { tokio::join!(waiting, world.bedrock.arrival()) })
            .await;
        drop(client);
        while world.table.number("meter#t1", "now", "inFlight") > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(hold);
        assert_eq!(world.table.number("meter#t1", "now", "dayRequests"), 2);
    })
    .await;
}

/// A hundred clients at once, each of which reserves a fiftieth of what is left.
#[tokio::test]
async fn at_the_last_dollar_a_hundred_clients_take_no_more() {
    let world = World::new().await;
    world.set_prices();
    world.set_policy(1, &month(1_000_000));
    serving(&world, None, async |address| {
        let first = send(address, request(PRICED, &[&bearer(&world)], PRICED_BODY)).await;
        assert_eq!(first.status(), StatusCode::OK);
        drop(first.into_body().collect().await);
        let reserved = world.log.lines(1).await[0]["reservedMicroUsd"].as_i64().unwrap();
        let before = world.table.number("meter#t1", "now", "monthMicroUsd");
        world.set_policy(2, &month(before + 50 * reserved));
        world.set_meter(2, false);
        world.bedrock.take_arrived();
        let hold = world.bedrock.held.write().await;
        let calls =
            (0..100).map(|_| async { send(address, request(PRICED, &[&bearer(&world)], PRICED_BODY)).await.status() });
        let calls = futures::future::join_all(calls);
        let release = async {
            world.log.lines(51).await;
            assert_eq!(world.table.number("meter#t1", "now", "monthMicroUsd"), before + 50 * reserved);
            drop(hold);
        };
        let (statuses, ()) = tokio::join!(calls, release);
        let count = |status: StatusCode| statuses.iter().filter(|found| **found == status).count();
        assert_eq!((count(StatusCode::OK), count(StatusCode::FORBIDDEN)), (50, 50));
        assert_eq!(world.bedrock.take_arrived().len(), 50);
    })
    .await;
}

#[tokio::test]
async fn paths_are_judged_as_they_were_sent() {
    let world = World::new().await;
    serving(&world, None, async |address| {
        for path in ["/bedrock-runtime/model/../x", "/bedrock-runtime//x", "/s3/bucket"] {
            let response = send(address, request(path, &[&bearer(&world)], "{}")).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn chunks_arrive_before_the_response_ends_and_a_break_is_visible() {
    let world = World::new().await;
    serving(&world, None, async |address| {
        let feed = world.bedrock.answer_fed("application/json");
        let begun = send(address, request(CONVERSE, &[&bearer(&world)], "{}"));
        let mut body = begun.await.into_body();
        for chunk in ["one", "two"] {
            feed.send(Ok(chunk.into())).unwrap();
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), chunk);
        }
        feed.send(Err(std::io::Error::other("broken on purpose"))).unwrap();
        assert!(body.frame().await.unwrap().is_err());
        let line = &world.log.lines(1).await[0];
        assert_eq!((&line["outcome"], &line["responseBytes"]), (&json!("broken"), &json!(6)));
    })
    .await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_bedrocks_response() {
    let world = World::new().await;
    serving(&world, None, async |address| {
        let feed = world.bedrock.answer_fed("application/json");
        let response = send(address, request(CONVERSE, &[&bearer(&world)], "{}")).await;
        drop(response);
        feed.closed().await;
        assert_eq!(world.log.lines(1).await[0]["outcome"], "gone");
    })
    .await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let world = World::new().await;
    serving(&world, None, async |address| {
        let response = send(address, request(CONVERSE, &[&bearer(&world)], vec![b' '; (32 << 20) + 1])).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    })
    .await;
}

#[tokio::test]
async fn the_program_serves_by_a_policy_file_without_a_table() {
    let world = World::new().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let policies = json!({ "tenants": [{ "credentials": [world.credential.expose()] }] });
    std::fs::write(file.path(), policies.to_string()).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let arguments = ["serve", "--listen", &address, "--policy-file", file.path().to_str().unwrap()];
    let unset = ["AIGW_TABLE_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_ENDPOINT_URL_DYNAMODB"];
    let program = Process::start_with(&world, env!("CARGO_BIN_EXE_forwarder"), &arguments, &unset);
    let address: SocketAddr = address.parse().unwrap();
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let response = send(address, request(CONVERSE, &[&bearer(&world)], "{}")).await;
    assert_eq!(json_of(response).await, json!({ "ok": true }));
    let (out, err) = program.stop();
    let line: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((&line["tenant"], &line["outcome"]), (&json!("t1"), &json!("complete")));
    assert_eq!(err, format!("serving on http://{address}\n"));
}

#[tokio::test]
async fn wrong_arguments_are_explained() {
    let world = World::new().await;
    let mut program = Process::start_with(&world, env!("CARGO_BIN_EXE_forwarder"), &["serve", "--port", "1"], &[]);
    assert!(!program.ended().await.success());
    let (_, err) = program.stop();
    assert!(err.starts_with("unknown argument --port\n\nusage: forwarder serve"), "{err}");
}
