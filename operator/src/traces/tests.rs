use std::collections::BTreeMap;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::context::SystemClock;

fn from(variables: &[(&str, &str)]) -> Result<Option<Settings>, SettingsError> {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    Settings::from_variables(|name| variables.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn the_variables_of_the_specification_decide() {
    assert_eq!(from(&[]), Ok(None));
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
    let settings = from(&[
        base,
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x,b=1"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,team=ai"),
        ("OTEL_SERVICE_NAME", "aigw"),
    ])
    .unwrap()
    .unwrap();
    assert_eq!(settings.endpoint, "http://collector:4318/v1/traces");
    assert_eq!(settings.headers[0], ("authorization".into(), "Bearer x".into()));
    let resource: BTreeMap<_, _> = settings.resource.iter().cloned().collect();
    assert_eq!((resource["service.name"].as_str(), resource["team"].as_str()), ("aigw", "ai"));
    assert!(!format!("{settings:?}").contains("Bearer"), "a header's value is shown");
    let own = from(&[base, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://own/path")]).unwrap().unwrap();
    assert_eq!(own.endpoint, "https://own/path");
    for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        assert_eq!(from(&[base, off]), Ok(None));
    }
}

#[test]
fn what_cannot_be_used_is_an_error_that_shows_no_value() {
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    for (variables, told) in [
        (vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")], "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hidden@collector")], "OTEL_EXPORTER_OTLP_HEADERS"),
        (vec![base, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "http/json"),
        (vec![base, ("OTEL_EXPORTER_OTLP_HEADERS", "hidden")], "name=value"),
        (vec![base, ("OTEL_EXPORTER_OTLP_HEADERS", "a=%zz")], "name=value"),
    ] {
        let error = from(&variables).unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("hidden"), "{error}");
    }
}

/// A collector on loopback: its URL, and what is posted to it.
async fn collector() -> (String, mpsc::UnboundedReceiver<(String, serde_json::Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (seen, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = seen.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let seen = seen.clone();
                async move {
                    let headers = request.headers();
                    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap_or_default());
                    let head = format!("{} {} {}", request.uri().path(), text("content-type"), text("authorization"));
                    let body = request.into_body().collect().await?.to_bytes();
                    let _ = seen.send((head, serde_json::from_slice(&body).unwrap_or_default()));
                    Ok::<_, hyper::Error>(Response::new(String::from("{}")))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, received)
}

#[tokio::test]
async fn a_collector_gets_spans_with_attributes_events_and_parents() {
    crate::run::install_crypto_provider();
    let (url, mut received) = collector().await;
    let settings =
        from(&[("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=k")]);
    let (layer, spans) = Layer::listening(Arc::new(SystemClock));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let outcome = tracing::field::Empty;
        let pass = tracing::info_span!("reconcile", kind = %"AIGateway", namespace = "ai", object = "prod", generation = 3, outcome);
        pass.in_scope(|| {
            tracing::debug!(operation = "lambda:GetFunction", "called aws");
            tracing::debug!(target: "hyper", token = "hidden", "not ours");
            tracing::info_span!("within").in_scope(|| tracing::warn!("failed"));
        });
        pass.record("outcome", "done");
    });
    // The layer is gone with its subscriber, so nothing more can end.
    deliver(settings.unwrap().unwrap(), spans).await;
    let (head, body) = received.recv().await.unwrap();
    assert_eq!(head, "/v1/traces application/json k");
    assert!(!body.to_string().contains("hidden"), "{body}");
    let [within, pass] = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().as_slice() else {
        panic!("{body}")
    };
    assert_eq!((&pass["name"], &within["name"]), (&"reconcile".into(), &"within".into()));
    assert_eq!((&within["parentSpanId"], &within["traceId"]), (&pass["spanId"], &pass["traceId"]));
    assert_eq!((&within["status"]["code"], &pass["status"]["code"]), (&2.into(), &serde_json::Value::Null));
    let attributes: BTreeMap<_, _> = pass["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| (each["key"].as_str().unwrap(), each["value"].clone()))
        .collect();
    assert_eq!(attributes["aigw.kind"]["stringValue"], "AIGateway");
    assert_eq!(attributes["k8s.namespace.name"]["stringValue"], "ai");
    assert_eq!(attributes["aigw.generation"]["intValue"], "3");
    assert_eq!(attributes["aigw.outcome"]["stringValue"], "done");
    let events = pass["events"].as_array().unwrap();
    assert_eq!((events.len(), &events[0]["name"]), (1, &"called aws".into()));
}

#[tokio::test]
async fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    crate::run::install_crypto_provider();
    // Port 9 (discard) of loopback: nobody listens.
    let settings = from(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")]).unwrap().unwrap();
    let (layer, spans) = Layer::listening(Arc::new(SystemClock));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for _ in 0..5_000 {
            drop(tracing::info_span!("reconcile"));
        }
    });
    deliver(settings, spans).await;
}
