//! The functions' environment, read once at start.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use aigw_contract::{Family, Partition, environment};

use crate::http_client::{Destination, InvalidEndpoint};
use crate::sign::Credentials;

/// Everything the environment says.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Region of the gateway and of Bedrock.
    pub region: String,
    /// The role's credentials. Their `Debug` hides the secrets.
    pub credentials: Credentials,
    /// The gateway's table.
    pub table: String,
    /// Where DynamoDB is.
    pub dynamodb: Destination,
    /// Identity of the gateway, for log lines.
    pub gateway: String,
    /// Where a Bedrock family is instead of at its public host, in the order of [`Family::ALL`].
    pub bedrock_overrides: [Option<Destination>; Family::ALL.len()],
    /// Further certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// Invocations this environment takes at a time.
    pub concurrency: usize,
}

/// The environment is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A variable is missing.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// A variable has a value we cannot use.
    #[error("environment variable {name} is not usable")]
    Endpoint {
        /// Which.
        name: String,
        /// Why.
        source: InvalidEndpoint,
    },
}

impl Settings {
    /// Reads the settings from `variable`, usually [`std::env::var`].
    ///
    /// # Errors
    /// [`SettingsError`] for the first variable that is missing or wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let optional = |name: &str| variable(name).filter(|value| !value.is_empty());
        let required = |name: &'static str| optional(name).ok_or(SettingsError::Missing(name));
        let endpoint = |name: &str| {
            let unusable = |source| SettingsError::Endpoint { name: name.to_owned(), source };
            optional(name).map(|url| Destination::parse(&url).map_err(unusable)).transpose()
        };

        let region = required("AWS_REGION")?;
        let credentials = Credentials {
            access_key: required("AWS_ACCESS_KEY_ID")?,
            secret_key: required("AWS_SECRET_ACCESS_KEY")?,
            session_token: optional("AWS_SESSION_TOKEN"),
        };
        let dynamodb = match endpoint("AWS_ENDPOINT_URL_DYNAMODB")? {
            Some(given) => given,
            None => endpoint("AWS_ENDPOINT_URL")?.unwrap_or_else(|| Destination::https(dynamodb_host(&region))),
        };
        let bedrock = endpoint(environment::BEDROCK_ENDPOINT_OVERRIDE)?;
        let mut bedrock_overrides = Family::ALL.map(|_| bedrock.clone());
        for (family, place) in Family::ALL.into_iter().zip(&mut bedrock_overrides) {
            if let Some(own) = endpoint(&environment::family_endpoint(family))? {
                *place = Some(own);
            }
        }
        Ok(Self {
            credentials,
            table: required(environment::TABLE_NAME)?,
            dynamodb,
            gateway: optional(environment::GATEWAY_ID).unwrap_or_default(),
            bedrock_overrides,
            ca_file: optional(environment::CA_FILE).map(PathBuf::from),
            concurrency: optional("AWS_LAMBDA_MAX_CONCURRENCY")
                .and_then(|value| value.parse::<NonZeroUsize>().ok())
                .map_or(1, NonZeroUsize::get),
            region,
        })
    }
}

fn dynamodb_host(region: &str) -> String {
    format!("dynamodb.{region}.{}", Partition::of(region).dns_suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &[(&str, &str)] = &[
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "the-secret"),
        ("AWS_SESSION_TOKEN", "the-token"),
        (environment::TABLE_NAME, "table"),
    ];

    fn read(more: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| {
            let found = more.iter().chain(COMPLETE).find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_plain_lambda_environment_is_enough() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.dynamodb, Destination::https("dynamodb.eu-central-1.amazonaws.com"));
        assert_eq!(settings.concurrency, 1);
        assert!(settings.bedrock_overrides.iter().all(Option::is_none));
    }

    #[test]
    fn a_familys_own_endpoint_goes_before_the_one_of_all() {
        let all = (environment::BEDROCK_ENDPOINT_OVERRIDE, "http://localhost:1");
        let one = ("AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME", "http://localhost:2");
        let ports = read(&[all, one]).unwrap().bedrock_overrides.map(|place| place.unwrap().port);
        let expected = Family::ALL.map(|family| if family == Family::BedrockAgentRuntime { 2 } else { 1 });
        assert_eq!(ports, expected);
        assert_eq!(read(&[one]).unwrap().bedrock_overrides.iter().flatten().count(), 1);
    }

    #[test]
    fn the_dynamodb_endpoint_follows_the_usual_variables_in_their_usual_order() {
        let general = ("AWS_ENDPOINT_URL", "http://localhost:1");
        assert_eq!(read(&[general]).unwrap().dynamodb.port, 1);
        assert_eq!(read(&[general, ("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:2")]).unwrap().dynamodb.port, 2);
    }

    #[test]
    fn missing_and_wrong_variables_are_named() {
        assert_eq!(read(&[("AWS_REGION", "")]).unwrap_err(), SettingsError::Missing("AWS_REGION"));
        let wrong = read(&[(environment::BEDROCK_ENDPOINT_OVERRIDE, "https://h/path")]).unwrap_err();
        assert!(wrong.to_string().contains(environment::BEDROCK_ENDPOINT_OVERRIDE));
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let text = format!("{:?}", read(&[]).unwrap());
        assert!(!text.contains("the-secret") && !text.contains("the-token"), "{text}");
    }
}
