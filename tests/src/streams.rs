//! Streams as a client saw them, beside how Bedrock sent them.

use std::sync::atomic::Ordering;

use aigw_env::front;
use tokio::net::TcpListener;

use crate::clients::{Client, ENDPOINT};
use crate::world::World;
use crate::{Outcome, ensure, ensure_eq};

/// What remains of the time the stub took, at least. A buffered stream arrives within a few milliseconds.
const SPREAD_KEPT: f64 = 0.6;

/// Fails unless the pieces, which arrived at these milliseconds, are spread over time as the stub sent its frames, at these
/// microseconds.
pub fn arrived_as_sent(arrivals: &[f64], sent: &[u64]) -> Outcome {
    ensure!(arrivals.len() > 2 && sent.len() >= arrivals.len(), "{} pieces of {} frames", arrivals.len(), sent.len());
    ensure!(arrivals.is_sorted(), "pieces out of order: {arrivals:?}");
    let spread = arrivals[arrivals.len() - 1] - arrivals[0];
    #[expect(clippy::cast_precision_loss, reason = "a few seconds in microseconds")]
    let paced = (sent[sent.len() - 1] - sent[0]) as f64 / 1000.0;
    let as_paced = spread >= paced * SPREAD_KEPT;
    ensure!(as_paced, "sent over {paced} ms, arrived within {spread} ms: {arrivals:?}");
    Ok(())
}

/// Lets a client make one request through a front that offers HTTP/1.1 only, as private APIs do.
pub fn over_http1<T>(world: &World, client: &Client, ask: impl FnOnce(&Client) -> Outcome<T>) -> Outcome<T> {
    let aws = world.cluster.instance().aws()?;
    let config = front::Config { http1_only: true, ..front::Config::new(aws.emulator().authority().parse()?) };
    let second = world.block(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        front::spawn(listener, aws.ca(), config).map_err(std::io::Error::other)
    })?;
    let moved = client.endpoint().replace(&aws.front().url(), &second.url());
    let outcome = ask(&client.clone().with(ENDPOINT, &moved));
    let counted = second.counters().http1_requests.load(Ordering::Relaxed);
    world.block(second.stop());
    let asked = outcome?;
    ensure_eq!(counted, 1, "requests over HTTP/1.1");
    Ok(asked)
}
