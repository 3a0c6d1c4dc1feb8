//! Probes over HTTPS, as any client of the gateway makes them.

use aigw_cloud::{LONGEST_ANSWER, Prober};
use aigw_contract::probe::REFUSED_BY;
use aigw_plan::probe::{self, Answer, Presented, Unreachable};
use async_trait::async_trait;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method};

use crate::https::{Https, Incoming, Outgoing, Problem, Target};

/// A request that asks for nothing.
const NOTHING: &[u8] = b"{}";
/// No credential of any kind.
const NONSENSE: &str = "probe";

/// Asks gateways over TLS.
pub struct HttpsProber(Https);

impl HttpsProber {
    /// Asks through `https`.
    pub fn new(https: Https) -> Self {
        Self(https)
    }
}

#[async_trait]
impl Prober for HttpsProber {
    async fn ask(&self, request: &probe::Request) -> Result<Answer, Unreachable> {
        let unreachable = |host: &str, problem: Problem| Unreachable { host: host.to_owned(), problem: told(problem) };
        let target = Target::parse(&request.url).ok_or_else(|| unreachable(&request.url, Problem::Malformed))?;
        let malformed = |_| unreachable(&target.host, Problem::Malformed);
        let presented = match &request.presented {
            Presented::Credential(credential) => credential.expose(),
            Presented::Nonsense => NONSENSE,
        };
        let mut bearer = HeaderValue::try_from(format!("Bearer {presented}")).map_err(malformed)?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        let (method, body) = match request.method {
            probe::Method::Get => (Method::GET, &[][..]),
            probe::Method::Post => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                (Method::POST, NOTHING)
            }
        };
        let exchange = self.0.exchange(&target, Outgoing { method, headers, body }, LONGEST_ANSWER).await;
        let Incoming { status, headers, body } = exchange.map_err(|problem| unreachable(&target.host, problem))?;
        let refused_by = headers.get(REFUSED_BY).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
        Ok(Answer { status: status.as_u16(), refused_by, body })
    }
}

/// In words that are constant for a constant cause.
const fn told(problem: Problem) -> &'static str {
    match problem {
        Problem::Malformed => "this is no https URL",
        Problem::Connect => "no connection that can be trusted",
        Problem::Timeout => "no answer in time",
        Problem::Broken => "the answer broke off",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aigw_contract::Credential;
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{RootCertStore, ServerConfig};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    fn request(method: probe::Method, url: String) -> probe::Request {
        probe::Request { method, url, presented: Presented::Credential(Credential::new("t1", "k1", &[7; 32]).unwrap()) }
    }

    /// A server that answers once, and gives what it was asked.
    async fn once(answer: &'static str) -> (String, HttpsProber, tokio::task::JoinHandle<String>) {
        crate::run::install_crypto_provider();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![cert.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/v1/x", listener.local_addr().unwrap().port());
        let asked = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut asked = [0; 1_024];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        (url, HttpsProber::new(Https::trusting(roots)), asked)
    }

    #[tokio::test]
    async fn an_answer_is_taken_as_it_is_and_the_credential_presented() {
        let text = "HTTP/1.1 403 Forbidden\r\nx-aigw-refused-by: INVALID_API_KEY\r\ncontent-length: 2\r\n\r\nno";
        let (url, prober, asked) = once(text).await;
        let answer = prober.ask(&request(probe::Method::Post, url)).await.unwrap();
        let expected = Answer { status: 403, refused_by: Some("INVALID_API_KEY".into()), body: "no".into() };
        assert_eq!(answer, expected);
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("POST /v1/x HTTP/1.1\r\n") && asked.contains("authorization: Bearer aigw_t1_k1_"));
        assert!(asked.ends_with("\r\n\r\n{}"), "{asked}");
    }

    #[tokio::test]
    async fn nobody_there_is_told_by_host_and_in_constant_words() {
        let (url, _, _) = once("").await;
        crate::run::install_crypto_provider();
        let strangers = HttpsProber::new(Https::trusting(RootCertStore::empty()));
        let error = strangers.ask(&request(probe::Method::Get, url)).await.unwrap_err();
        assert_eq!(error.to_string(), "localhost: no connection that can be trusted");
        let error = strangers.ask(&request(probe::Method::Get, "http://localhost/".into())).await.unwrap_err();
        assert_eq!(error.problem, "this is no https URL");
    }
}
