//! The programs as Lambda starts them: their environment, their start failing, TLS, several calls at a time.

use std::sync::Arc;

use aigw_contract::environment;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use crate::support::process::Process;
use crate::support::runtime_api::Seen;
use crate::support::world::{World, converse, error};

const FORWARDER: &str = env!("CARGO_BIN_EXE_forwarder");
const AUTHORIZER: &str = env!("CARGO_BIN_EXE_authorizer");

/// A TLS server for `localhost`, and its own certificate as PEM.
fn tls() -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

#[tokio::test]
async fn both_programs_serve_and_write_their_lines() {
    let world = World::new().await;
    let forwarder = Process::start(&world, FORWARDER, &[]);
    assert_eq!(world.call(&converse()).await.body, r#"{"ok":true}"#);
    // The line is written before the next invocation is asked for.
    world.call(&converse()).await;
    let (out, err) = forwarder.stop();
    let line: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((&line["outcome"], &line["gateway"]), (&json!("complete"), &json!("i/AIGateway/n/g")));
    assert_eq!(err, "");

    let world = World::new().await;
    let authorizer = Process::start(&world, AUTHORIZER, &[]);
    world.begin(&json!({ "methodArn": "arn:aws:execute-api:r:1:api1/v1/GET/x", "multiValueHeaders": null }));
    let (path, ..) = world.api.posted().await;
    assert!(path.ends_with("/error"), "{path}");
    drop(authorizer);
}

#[tokio::test]
async fn a_function_that_cannot_start_says_why() {
    for program in [FORWARDER, AUTHORIZER] {
        let world = World::new().await;
        let mut function = Process::start(&world, program, &[environment::TABLE_NAME]);
        let (path, headers, frames, _) = world.api.posted().await;
        assert_eq!(path, "/2018-06-01/runtime/init/error");
        assert_eq!(headers["lambda-runtime-function-error-type"], "Gateway.Start");
        let document: Value = serde_json::from_slice(&frames.concat()).unwrap();
        assert_eq!(document["errorMessage"], "environment variable AIGW_TABLE_NAME is not set");
        assert!(!function.ended().await.success());
    }
}

#[tokio::test]
async fn outside_lambda_the_programs_say_what_they_are() {
    let world = World::new().await;
    let mut function = Process::start(&world, FORWARDER, &["AWS_LAMBDA_RUNTIME_API"]);
    assert!(!function.ended().await.success());
    assert!(function.stop().1.contains("AWS Lambda"));
}

#[tokio::test]
async fn upstream_certificates_are_verified_and_authorities_can_be_added() {
    let (acceptor, authority) = tls();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, authority).unwrap();

    let trusting = World::with(Some(acceptor.clone()), &[(environment::CA_FILE, file.to_str().unwrap())]).await;
    trusting
        .forwarder(async {
            assert_eq!(trusting.call(&converse()).await.body, r#"{"ok":true}"#);
            let host = "bedrock-runtime.eu-central-1.amazonaws.com";
            assert_eq!(trusting.bedrock.take_arrived()[0].parts.headers["host"], host);
        })
        .await;

    let wary = World::with(Some(acceptor), &[]).await;
    wary.forwarder(async {
        assert_eq!(error(&wary.call(&converse()).await).0, 503);
        assert!(wary.bedrock.take_arrived().is_empty());
        let cause = wary.log.lines(1).await[0]["cause"].to_string();
        assert!(cause.contains("certificate"), "{cause}");
    })
    .await;
}

#[tokio::test]
async fn an_environment_with_two_places_serves_two_calls_at_a_time() {
    let world = World::with(None, &[("AWS_LAMBDA_MAX_CONCURRENCY", "2")]).await;
    let feeds = [world.bedrock.answer_fed("text/plain"), world.bedrock.answer_fed("text/plain")];
    world
        .forwarder(async {
            world.begin(&converse());
            world.begin(&converse());
            let mut posts = 0;
            while posts < 2 {
                posts += usize::from(matches!(world.api.next_seen().await, Seen::Post { .. }));
            }
            drop(feeds);
            let mut ends = 0;
            while ends < 2 {
                ends += usize::from(matches!(world.api.next_seen().await, Seen::End));
            }
        })
        .await;
}
