//! Bedrock: one signed request, one streamed response.

use std::sync::Arc;
use std::time::SystemTime;

use aigw_contract::Family;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::time::Instant;

use super::charge::Charge;
use super::headers;
use super::stream::UpstreamStream;
use crate::denial::{Denial, Refusal};
use crate::http_client::{Client, ConnectError, Connection, Destination, ReplyBody};
use crate::meter::{Meter, Shape};
use crate::sign::{Signable, Signer};

/// The way to every family's endpoint.
pub struct Upstream {
    client: Arc<Client>,
    signer: Arc<Signer>,
    /// In the order of [`Family::ALL`].
    endpoints: [Endpoints; Family::ALL.len()],
}

/// The endpoints of one family.
struct Endpoints {
    standard: Endpoint,
    fips: Option<Endpoint>,
}

/// Where a call goes.
pub(super) struct Endpoint {
    /// Host that is signed and named in the request.
    host: String,
    /// Where the connection leads: that host, or the override.
    destination: Arc<Destination>,
}

/// A request that may go out.
pub(super) struct Prepared {
    pub family: Family,
    pub shape: Shape,
    pub method: Method,
    pub path_and_query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The head of Bedrock's answer, and its body.
pub(super) struct Responded {
    status: StatusCode,
    headers: HeaderMap,
    meter: Meter,
    body: ReplyBody,
}

/// There is no answer.
pub(super) struct Failed {
    pub refusal: Refusal,
    /// Whether Bedrock may have got the request.
    pub reached: bool,
}

/// Bedrock's answer on its way to the client.
pub(super) struct Forwarded {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub stream: UpstreamStream,
}

impl Upstream {
    /// Bedrock in `region`, some of it at the places `instead`, which are in the order of [`Family::ALL`].
    pub fn new(
        client: Arc<Client>,
        signer: Arc<Signer>,
        region: &str,
        instead: &[Option<Destination>; Family::ALL.len()],
    ) -> Self {
        let endpoints = std::array::from_fn(|position| {
            let family = Family::ALL[position];
            let endpoint = |host: String| {
                let destination = instead[position].clone().unwrap_or_else(|| Destination::https(host.clone()));
                Endpoint { host, destination: Arc::new(destination) }
            };
            Endpoints { standard: endpoint(family.host(region)), fips: family.fips_host(region).map(endpoint) }
        });
        Self { client, signer, endpoints }
    }

    /// Opens a connection to the most used family ahead of the first call.
    ///
    /// # Errors
    /// [`ConnectError`]; nothing is lost then but time later.
    pub async fn warm(&self, fips: bool) -> Result<(), ConnectError> {
        let Ok(endpoint) = self.endpoint(Family::BedrockRuntime, fips) else { return Ok(()) };
        let connection = self.client.checkout(&endpoint.destination).await?;
        self.client.release(connection);
        Ok(())
    }

    /// The family's endpoint, or its FIPS endpoint.
    ///
    /// # Errors
    /// [`Denial`] where the family has no FIPS endpoint in this Region.
    pub(super) fn endpoint(&self, family: Family, fips: bool) -> Result<&Endpoint, Denial> {
        let position = Family::ALL.iter().position(|other| *other == family).unwrap_or(0);
        let Endpoints { standard, fips: validated } = &self.endpoints[position];
        if !fips {
            return Ok(standard);
        }
        let missing = || {
            Denial::forbidden(format!(
                "{family} has no FIPS endpoint in this Region, and this gateway calls no other; the platform team can \
                 set spec.bedrock.fips of the AIGateway to false"
            ))
        };
        validated.as_ref().ok_or_else(missing)
    }

    /// A connection to the endpoint.
    pub(super) async fn connection(&self, endpoint: &Endpoint) -> Result<Connection, Refusal> {
        self.client.checkout(&endpoint.destination).await.map_err(|error| unreachable(&endpoint.host, &error))
    }

    /// Returns a connection that was not needed.
    pub(super) fn give_back(&self, connection: Connection) {
        self.client.release(connection);
    }

    /// Signs and sends; returns as soon as the response head is there.
    pub(super) async fn forward(
        &self,
        endpoint: &Endpoint,
        connection: Connection,
        prepared: Prepared,
        deadline: Instant,
    ) -> Result<Responded, Failed> {
        let shape = prepared.shape;
        let request = match self.sign(&endpoint.host, prepared) {
            Ok(request) => request,
            Err(refusal) => return Err(Failed { refusal, reached: false }),
        };
        let refusal = match tokio::time::timeout_at(deadline, self.client.send(connection, request)).await {
            Ok(Ok(response)) => {
                let (parts, body) = response.into_parts();
                let meter = Meter::new(shape, parts.status, &parts.headers);
                return Ok(Responded { status: parts.status, headers: headers::to_client(parts.headers), meter, body });
            }
            Ok(Err(error)) => unreachable(&endpoint.host, &error),
            Err(_) => Denial::timed_out("the time for this call ended before Bedrock began its response").into(),
        };
        Err(Failed { refusal, reached: true })
    }

    fn sign(&self, host: &str, prepared: Prepared) -> Result<http::Request<Bytes>, Refusal> {
        let Prepared { family, shape: _, method, path_and_query, mut headers, body } = prepared;
        let invalid = |_| Denial::invalid("the path or query holds characters that HTTP does not allow");
        let uri = Uri::try_from(&path_and_query).map_err(invalid)?;
        let signable = Signable {
            service: family.signing_name(),
            method: &method,
            host,
            path_and_query: &path_and_query,
            body: &body,
        };
        self.signer.sign(&signable, &mut headers, SystemTime::now()).map_err(|error| Refusal {
            denial: Denial::internal("the gateway could not sign the request"),
            cause: Some(error.to_string()),
        })?;
        let mut request = http::Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

impl Responded {
    /// The answer in whole, which is not for a client. `None` where it broke off.
    pub(super) async fn collect(self) -> Option<(StatusCode, Bytes)> {
        let Self { status, headers: _, meter: _, body } = self;
        Some((status, body.collect().await.ok()?))
    }

    /// The answer as it goes to the client until `deadline`, which settles the charge at its end.
    pub(super) fn stream(self, charge: Charge, deadline: Instant) -> Forwarded {
        let Self { status, headers, meter, body } = self;
        Forwarded { status, headers, stream: UpstreamStream::new(meter, body, deadline, charge) }
    }
}

fn unreachable(host: &str, error: &(dyn std::error::Error + 'static)) -> Refusal {
    Refusal::because(Denial::unavailable(format!("Bedrock at {host} did not answer; try again")), error)
}
