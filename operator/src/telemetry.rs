//! Logs: one JSON object per line; and, where asked for, traces beside them. Spans carry kind, namespace, object and
//! generation, and never a value from a Secret.

use std::sync::Arc;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::args::{ArgsError, LogFormat};
use crate::context::SystemClock;
use crate::traces;

/// Libraries whose more detailed levels print headers, bodies and signatures, among them credentials. No log level
/// given to us opens these.
///
/// These are prefixes of targets. `tower` is here for its noise: a line for every request.
const CAPPED: [&str; 6] = ["aws_", "h2", "hyper", "kube_client", "rustls", "tower"];

/// Starts logging for the whole process, and the delivery of traces where there are settings for it. Within a runtime.
///
/// # Errors
/// [`ArgsError`] where `level` is no level and no list of directives.
pub fn start(level: &str, format: LogFormat, traces: Option<traces::Settings>) -> Result<(), ArgsError> {
    let filter = filter(level)?;
    let logs = tracing_subscriber::fmt::layer();
    let logs = match format {
        LogFormat::Json => logs.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        LogFormat::Text => logs.boxed(),
    };
    let logging = tracing_subscriber::registry().with(logs.with_filter(filter));
    // An error means that a subscriber is there already, where a test started one.
    let _ = match traces {
        None => logging.try_init(),
        Some(settings) => {
            let (layer, spans) = traces::Layer::listening(Arc::new(SystemClock));
            tokio::spawn(traces::deliver(settings, spans));
            logging.with(layer).try_init()
        }
    };
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, ArgsError> {
    let error = |problem: String| ArgsError {
        flag: "--log-level (AIGW_LOG_LEVEL)",
        problem,
        fix: "use trace, debug, info, warn, error, or directives such as info,aigw_operator=debug",
    };
    if level.trim().is_empty() {
        return Err(error("is empty".to_owned()));
    }
    // A bare word that is no level would be taken for the name of a module and silence everything else.
    let plain = level.split(',').filter(|directive| !directive.contains('='));
    for word in plain {
        if word.trim().parse::<tracing::Level>().is_err() && !word.trim().eq_ignore_ascii_case("off") {
            return Err(error(format!("'{word}' is not a level")));
        }
    }
    // A directive for a span would open every library inside it.
    let opens =
        |directive: &&str| directive.contains('[') || CAPPED.iter().any(|capped| directive.trim().starts_with(capped));
    if let Some(directive) = level.split(',').find(opens) {
        return Err(error(format!("'{directive}' concerns a library that prints credentials at detailed levels")));
    }
    let mut filter =
        EnvFilter::try_new(level).map_err(|cause| error(format!("'{level}' is not understood ({cause})")))?;
    for capped in CAPPED {
        let directive = format!("{capped}=info").parse().map_err(|cause| error(format!("'{capped}': {cause}")))?;
        filter = filter.add_directive(directive);
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_print_credentials_stay_capped() {
        for level in ["info", "trace", "warn,aigw_operator=debug", "DEBUG"] {
            let text = filter(level).unwrap().to_string();
            assert!(text.contains("aws_=info") && text.contains("kube_client=info"), "{text}");
        }
        for level in ["info,aws_smithy_runtime=trace", "kube_client::client=debug", "[reconcile]=trace"] {
            assert!(filter(level).unwrap_err().to_string().contains("credentials"), "{level}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_an_error() {
        for level in ["loud", "", "info,loud", "aigw_operator=loud"] {
            assert!(filter(level).unwrap_err().to_string().starts_with("--log-level"), "{level}");
        }
    }
}
