//! The line to a running subject: how a call gets to it and its answer back, in either form.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use tokio::time::timeout;

use crate::net::connect;
use crate::runtime_api::{Answered, RuntimeApi};
use crate::work::{self, Work};
use crate::{Outcome, gateway};

/// Longest wait for anything, above the time of a whole stream.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a wrong answer is shown.
const EXCERPT: usize = 300;
/// Between two looks whether a server listens.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A line to a subject.
pub enum Line {
    /// Lambda's Runtime API.
    Lambda(Box<RuntimeApi>),
    /// A kept HTTP connection.
    Http {
        /// The connection.
        sender: SendRequest<Full<Bytes>>,
        /// What goes before the path.
        mount: &'static str,
    },
}

/// What one call took.
#[derive(Debug)]
pub struct Sample {
    /// Until the first byte of the body.
    pub first: Duration,
    /// Until the last.
    pub total: Duration,
    /// When how many bytes had come.
    pub arrivals: Vec<(Instant, usize)>,
}

impl Line {
    /// Waits until a server listens and connects to it.
    ///
    /// # Errors
    /// Where none does in time.
    pub async fn http(address: SocketAddr, mount: &'static str) -> Outcome<Self> {
        let connected = async {
            loop {
                match connect(address).await {
                    Ok(sender) => return sender,
                    Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
                }
            }
        };
        let sender = timeout(PATIENCE, connected).await.map_err(|_| "nothing listens")?;
        Ok(Self::Http { sender, mount })
    }

    /// Waits until the subject takes the next call. An HTTP server takes any.
    ///
    /// # Errors
    /// Where it does not in time.
    pub async fn ready(&mut self) -> Outcome<Instant> {
        match self {
            Self::Lambda(api) => timeout(PATIENCE, api.ready()).await.map_err(|_| "did not ask for an invocation")?,
            Self::Http { sender, .. } => {
                sender.ready().await?;
                Ok(Instant::now())
            }
        }
    }

    /// One call, checked to be answered with the body of the work. The subject is [`Self::ready`] for it.
    ///
    /// # Errors
    /// Where the answer is another one, or none.
    pub async fn call(&mut self, work: &Work, input: &Bytes) -> Outcome<Sample> {
        let started = Instant::now();
        let answered = timeout(PATIENCE, self.exchange(work, input)).await.map_err(|_| "no answer in time")??;
        let Answered { arrivals, body, status } = answered;
        let text = || String::from_utf8_lossy(&body[..body.len().min(EXCERPT)]).into_owned();
        let (Some(first), Some(last), 200, true) = (arrivals.first(), arrivals.last(), status, work.response.is(&body))
        else {
            return Err(format!("status {status}, {} bytes: {}", body.len(), text()).into());
        };
        let (first, total) = (first.0 - started, last.0 - started);
        Ok(Sample { first, total, arrivals })
    }

    async fn exchange(&mut self, work: &Work, input: &Bytes) -> Outcome<Answered> {
        match self {
            Self::Lambda(api) => api.invoke(input.clone()).await,
            Self::Http { sender, mount } => {
                let mut request = Request::post(format!("{mount}{}", work.path))
                    .header("host", format!("bedrock-runtime.{}.amazonaws.com", gateway::REGION))
                    .header("content-type", "application/json")
                    .header("user-agent", "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11.7")
                    .body(Full::new(input.clone()))?;
                // Only ours asks who calls.
                if !mount.is_empty() {
                    let bearer = format!("Bearer {}", gateway::credential()?.expose());
                    request.headers_mut().insert("authorization", bearer.parse()?);
                }
                let response = sender.send_request(request).await?;
                let mut answered = Answered { status: response.status().as_u16().into(), ..Answered::default() };
                let mut body = response.into_body();
                while let Some(frame) = body.frame().await {
                    let Ok(bytes) = frame?.into_data() else { continue };
                    answered.body.extend_from_slice(&bytes);
                    answered.arrivals.push((Instant::now(), answered.body.len()));
                }
                Ok(answered)
            }
        }
    }

    /// What the subject gets for this work.
    pub fn input(&self, work: &Work) -> Bytes {
        match self {
            Self::Lambda(_) => work::event(work),
            Self::Http { .. } => work.request.clone(),
        }
    }
}
