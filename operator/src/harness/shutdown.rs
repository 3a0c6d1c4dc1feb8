//! One signal that everything long-lived listens to.

use std::future::Future;

use tokio::sync::watch;

/// Asks everything that holds a clone to stop.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Sender<bool>);

impl Default for Shutdown {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Shutdown {
    /// Asks; asking again changes nothing.
    pub fn start(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was asked for.
    pub fn started(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes once it was asked for.
    pub fn requested(&self) -> impl Future<Output = ()> + Send + Sync + 'static {
        // The sender is kept alive inside, so that an error (all senders gone) cannot pass for a request.
        let sender = self.0.clone();
        async move {
            let mut receiver = sender.subscribe();
            let asked = receiver.wait_for(|asked| *asked).await.is_ok();
            if !asked {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn every_clone_learns_of_it_also_late() {
        let shutdown = Shutdown::default();
        let early = shutdown.clone().requested();
        assert!(!shutdown.started());
        shutdown.start();
        assert!(early.now_or_never().is_some());
        assert!(shutdown.requested().now_or_never().is_some() && shutdown.started());
    }
}
