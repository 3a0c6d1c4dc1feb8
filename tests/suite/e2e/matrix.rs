//! Unmodified clients of nine kinds against one gateway, each unstreamed and streamed, by HTTP/2 and where the endpoint
//! offers HTTP/1.1 only, and refused. `docs/clients.md` has what the tests found.
//!
//! A client is given the variables that suffice for it and nothing in code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use aigw_tests::clients::{Client, TOKEN};
use aigw_tests::harness::environment_test as test;
use aigw_tests::program::{Ended, run, run_timed};
use aigw_tests::shared::{Shared, prod};
use aigw_tests::streams::{arrived_as_sent, over_http1};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, repository, secrets};
use libtest_mimic::Trial;
use serde_json::Value;

/// Class of a 401 in the SDKs of AWS.
const UNAUTHORIZED: &str = "UnrecognizedClientException";
/// Password of the Java key store with the environment's authority, which is no secret.
const STORE_PASSWORD: &str = "changeit";

/// One client.
struct Contender {
    name: &'static str,
    /// Class of the error where the credential is wrong.
    denied: &'static str,
    /// What it needs besides to speak HTTP/1.1, where the default does not.
    http1: Option<(&'static str, &'static str)>,
    program: fn(&Place) -> (PathBuf, Vec<String>),
    /// Its variables.
    env: fn(&Client, &Place) -> Outcome<BTreeMap<String, String>>,
}

/// Where the programs are.
struct Place {
    clients: PathBuf,
    matrix: PathBuf,
    ca: PathBuf,
}

const CONTENDERS: [Contender; 9] = [
    Contender {
        name: "boto3",
        denied: UNAUTHORIZED,
        http1: None,
        program: |place| python(place, "matrix_boto3.py"),
        env: |client, _| Ok(client.env()),
    },
    Contender {
        name: "javascript",
        denied: UNAUTHORIZED,
        http1: Some(("AIGW_HTTP1", "1")),
        program: |place| ("node".into(), vec![text(&place.clients.join("node/matrix.mjs"))]),
        env: |client, _| Ok(client.env()),
    },
    Contender {
        name: "go",
        denied: UNAUTHORIZED,
        http1: None,
        program: |place| (place.matrix.join("go-client"), Vec::new()),
        env: |client, _| Ok(client.env()),
    },
    Contender {
        name: "rust",
        denied: UNAUTHORIZED,
        http1: None,
        program: |place| (place.matrix.join("rust-client"), Vec::new()),
        env: |client, place| Ok(with(client, &[("SSL_CERT_FILE", &text(&place.ca))])),
    },
    Contender {
        name: "java",
        denied: UNAUTHORIZED,
        http1: Some(("AIGW_HTTP1", "1")),
        program: |place| {
            let java = place.matrix.join("java");
            let classes = format!("{}/lib/*:{}/classes", java.display(), java.display());
            ("java".into(), vec!["-cp".into(), classes, "Ask".into()])
        },
        env: |client, place| {
            let options = format!(
                "-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStorePassword={STORE_PASSWORD}",
                key_store(place)?.display()
            );
            Ok(with(client, &[("JDK_JAVA_OPTIONS", &options)]))
        },
    },
    Contender {
        name: "openai",
        denied: "AuthenticationError",
        http1: None,
        program: |place| python(place, "matrix_openai.py"),
        env: |client, place| {
            let url = format!("{}/openai/v1", client.endpoint());
            let variables = [("OPENAI_BASE_URL", url.as_str()), ("OPENAI_API_KEY", client.token())];
            Ok(with(client, &[variables[0], variables[1], ("SSL_CERT_FILE", &text(&place.ca))]))
        },
    },
    Contender {
        name: "anthropic",
        denied: "AuthenticationError",
        http1: None,
        program: |place| python(place, "matrix_anthropic.py"),
        env: |client, place| {
            let url = ("ANTHROPIC_BEDROCK_BASE_URL", client.endpoint());
            Ok(with(client, &[url, ("SSL_CERT_FILE", &text(&place.ca))]))
        },
    },
    Contender {
        name: "langchain",
        denied: UNAUTHORIZED,
        http1: None,
        program: |place| python(place, "matrix_langchain.py"),
        env: |client, _| Ok(client.env()),
    },
    Contender {
        name: "curl",
        denied: UNAUTHORIZED,
        http1: None,
        program: |_| (repository::path("tests/clients/curl/ask.sh"), Vec::new()),
        env: |client, place| Ok(with(client, &[("CURL_CA_BUNDLE", &text(&place.ca))])),
    },
];

pub fn tests() -> Vec<Trial> {
    CONTENDERS.map(|contender| test(module_path!(), contender.name, move || contender.run())).into()
}

/// Why a client is left out on this machine, if it is.
pub fn left_out(name: &str) -> Option<&'static str> {
    let has = |tool: &str| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join(tool).exists())
    };
    (name == "e2e::matrix::java" && !(has("javac") && has("mvn"))).then_some("there is no JDK or no Maven here")
}

fn python(place: &Place, script: &str) -> (PathBuf, Vec<String>) {
    let script = repository::path("tests/clients/python").join(script);
    (place.matrix.join("venv/bin/python"), vec![text(&script)])
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn with(client: &Client, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    client.env().into_iter().chain(more).collect()
}

/// A Java key store with the environment's authority: Java reads no PEM file.
fn key_store(place: &Place) -> Outcome<PathBuf> {
    let store = place.ca.with_extension("p12");
    if !store.exists() {
        let (ca, target) = (text(&place.ca), text(&store));
        let arguments = ["-importcert", "-noprompt", "-alias", "ca", "-file", &ca, "-keystore", &target];
        let form = ["-storetype", "PKCS12", "-storepass", STORE_PASSWORD];
        let env = BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").unwrap_or_default())]);
        run(Path::new("keytool"), &[&arguments[..], &form].concat(), &env)?.ok()?;
    }
    Ok(store)
}

/// What a client got.
struct Answer {
    version: String,
    text: String,
    arrivals: Vec<f64>,
}

impl Contender {
    fn run(&self) -> Outcome {
        let shared = prod()?;
        let client = shared.search_client()?;
        client.until_answered()?;
        let aws = shared.world.cluster.instance().aws()?;
        let place = Place {
            clients: shared.world.clients()?.to_owned(),
            matrix: shared.world.client_matrix()?.to_owned(),
            ca: shared.world.cluster.instance().ca_pem()?.to_owned(),
        };

        let counters = aws.front().counters();
        let before = counters.http2_requests.load(Ordering::Relaxed);
        let whole = self.ask(&client, &place, "whole", None)?;
        ensure!(!whole.text.is_empty(), "no text");
        let stream = self.streamed(&shared, &client, &place, None)?;
        ensure_eq!(stream.text, whole.text, "text of the stream");
        if self.name == "java" {
            ensure_eq!(self.ask(&client, &place, "sync", None)?.text, whole.text, "text for the blocking client");
        }
        let http2 = counters.http2_requests.load(Ordering::Relaxed) > before;

        self.refused(&client, &place)?;
        self.over_http1(&shared, &client, &place)?;
        let protocol = if http2 { "HTTP/2" } else { "HTTP/1.1" };
        figures::note(format!("client {} {}", self.name, whole.version), protocol);
        Ok(())
    }

    fn start(
        &self,
        client: &Client,
        place: &Place,
        mode: &str,
        more: Option<(&str, &str)>,
    ) -> Outcome<(Ended, Vec<u8>, Vec<f64>)> {
        let (program, arguments) = (self.program)(place);
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.push(mode);
        let mut env = (self.env)(client, place)?;
        env.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
        run_timed(&program, &arguments, &env)
    }

    fn ask(&self, client: &Client, place: &Place, mode: &str, more: Option<(&str, &str)>) -> Outcome<Answer> {
        let (ended, bytes, arrivals) = self.start(client, place, mode, more)?;
        let ended = ended.ok()?;
        if self.name == "curl" {
            return raw(&bytes, arrivals, mode);
        }
        let summary = ended.summary()?;
        let found = |name: &str| summary[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name}"));
        let arrivals = summary["arrivalsMs"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        Ok(Answer { version: found("version")?, text: found("text")?, arrivals })
    }

    /// A stream whose pieces must be spread over time as the stub sent them.
    fn streamed(&self, shared: &Shared, client: &Client, place: &Place, more: Option<(&str, &str)>) -> Outcome<Answer> {
        let answer = self.ask(client, place, "stream", more)?;
        let sent = shared.world.bedrock()?.requests().pop().ok_or("Bedrock got nothing")?.sent_us;
        arrived_as_sent(&answer.arrivals, &sent)?;
        Ok(answer)
    }

    /// A wrong credential is the class of error that the SDK has for it.
    fn refused(&self, client: &Client, place: &Place) -> Outcome {
        let mut token = client.token().to_owned();
        let last = token.pop().unwrap_or_default();
        token.push(if last == 'a' { 'b' } else { 'a' });
        secrets::note(&token);
        let (ended, ..) = self.start(&client.clone().with(TOKEN, &token), place, "whole", None)?;
        ended.must_fail(self.denied).map(drop)
    }

    /// Where the endpoint offers HTTP/1.1 only, as private APIs do. A client that needs something for that must fail
    /// without it, else the documentation would ask for too much.
    fn over_http1(&self, shared: &Shared, client: &Client, place: &Place) -> Outcome {
        over_http1(&shared.world, client, |client| {
            if self.http1.is_some() {
                let (without, ..) = self.start(client, place, "whole", None)?;
                ensure!(!without.success, "it needs nothing to speak HTTP/1.1");
            }
            self.streamed(shared, client, place, self.http1).map(drop)
        })
    }
}

/// What curl wrote, which is the response's body itself.
fn raw(body: &[u8], arrivals: Vec<f64>, mode: &str) -> Outcome<Answer> {
    let version = "of this machine".to_owned();
    if mode == "whole" {
        let reply: Value = serde_json::from_slice(body)?;
        let text = reply["output"]["message"]["content"][0]["text"].as_str().ok_or("no text")?;
        return Ok(Answer { version, text: text.to_owned(), arrivals });
    }
    // Payloads of event-stream frames are JSON between binary headers.
    let body = String::from_utf8_lossy(body);
    let pieces = body.split("\"text\":").skip(1).map(|rest| {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        values.next().unwrap_or_else(|| Ok(String::new()))
    });
    Ok(Answer { version, text: pieces.collect::<Result<_, _>>()?, arrivals })
}
