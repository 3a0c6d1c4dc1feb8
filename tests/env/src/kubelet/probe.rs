//! HTTP probes of a container: startup first, then liveness and readiness side by side, each with its own period and
//! thresholds, as Kubernetes defines them.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::sync::mpsc;

use crate::net::wire;
use crate::wait;

/// What the probes of a running container tell its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The startup probe succeeded, or there is none.
    Started,
    /// The readiness probe (or having started, without one) says so.
    Ready(bool),
    /// Startup or liveness failed for good: restart it.
    Kill(&'static str),
}

/// The probes of one container, checked and with defaults filled in.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    startup: Option<Http>,
    liveness: Option<Http>,
    readiness: Option<Http>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Http {
    pub(super) url: String,
    delay: Duration,
    period: Duration,
    timeout: Duration,
    failures: u32,
    successes: u32,
}

impl Probes {
    /// Reads them from the spec. An error is text for the pod's status.
    pub fn of(container: &Container, pod_ip: &str) -> Result<Self, String> {
        let read = |probe: &Option<Probe>| probe.as_ref().map(|probe| Http::of(probe, container, pod_ip)).transpose();
        Ok(Self {
            startup: read(&container.startup_probe)?,
            liveness: read(&container.liveness_probe)?,
            readiness: read(&container.readiness_probe)?,
        })
    }

    /// Probes until dropped.
    pub async fn run(self, verdicts: mpsc::UnboundedSender<Verdict>) {
        if let Some(startup) = &self.startup
            && !startup.succeeds_in_time().await
        {
            let _ = verdicts.send(Verdict::Kill("startup"));
            return;
        }
        let _ = verdicts.send(Verdict::Started);
        let liveness = async {
            if let Some(liveness) = &self.liveness {
                liveness.until_failed().await;
                let _ = verdicts.send(Verdict::Kill("liveness"));
            }
        };
        let readiness = async {
            match &self.readiness {
                Some(readiness) => readiness.report(&verdicts).await,
                None => drop(verdicts.send(Verdict::Ready(true))),
            }
        };
        tokio::join!(liveness, readiness);
    }
}

impl Http {
    pub(super) fn of(probe: &Probe, container: &Container, pod_ip: &str) -> Result<Self, String> {
        let get = probe.http_get.as_ref().ok_or("this kubelet knows httpGet probes only")?;
        if get.scheme.as_deref().is_some_and(|scheme| scheme != "HTTP") {
            return Err("this kubelet probes plain HTTP only".to_owned());
        }
        let port = match &get.port {
            IntOrString::Int(port) => *port,
            IntOrString::String(name) => {
                let mut ports = container.ports.iter().flatten();
                let named = ports.find(|port| port.name.as_deref() == Some(name));
                named.map(|port| port.container_port).ok_or_else(|| format!("no port is named {name}"))?
            }
        };
        let path = get.path.as_deref().unwrap_or("/").trim_start_matches('/');
        let or =
            |value: Option<i32>, default: u32| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default);
        let seconds = |value, default| Duration::from_secs(or(value, default).into());
        Ok(Self {
            url: format!("http://{}:{port}/{path}", get.host.as_deref().unwrap_or(pod_ip)),
            delay: seconds(probe.initial_delay_seconds, 0),
            period: seconds(probe.period_seconds, 10),
            timeout: seconds(probe.timeout_seconds, 1),
            failures: or(probe.failure_threshold, 3),
            successes: or(probe.success_threshold, 1),
        })
    }

    async fn succeeds_in_time(&self) -> bool {
        tokio::time::sleep(self.delay).await;
        for _ in 0..self.failures {
            if self.ask().await {
                return true;
            }
            tokio::time::sleep(self.period).await;
        }
        false
    }

    async fn until_failed(&self) {
        tokio::time::sleep(self.delay).await;
        let mut failed = 0;
        while failed < self.failures {
            failed = if self.ask().await { 0 } else { failed + 1 };
            tokio::time::sleep(self.period).await;
        }
    }

    async fn report(&self, verdicts: &mpsc::UnboundedSender<Verdict>) {
        tokio::time::sleep(self.delay).await;
        let (mut ready, mut against) = (false, 0);
        loop {
            let answer = self.ask().await;
            against = if answer == ready { 0 } else { against + 1 };
            if against >= if ready { self.failures } else { self.successes } {
                (ready, against) = (answer, 0);
                let _ = verdicts.send(Verdict::Ready(ready));
            }
            tokio::time::sleep(self.period).await;
        }
    }

    /// One probe. A fresh connection each, as a kubelet does.
    async fn ask(&self) -> bool {
        let client = wire::http_client();
        let answer = tokio::time::timeout(self.timeout, wait::get(&client, &self.url)).await;
        matches!(answer, Ok(Ok((status, _))) if (200..400).contains(&status.as_u16()))
    }
}
