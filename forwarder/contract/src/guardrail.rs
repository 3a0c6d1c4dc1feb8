//! The guardrail of Bedrock's that every call of a gateway carries, and the way from one to another.
//!
//! Two sides have to agree: the forwarder sends the guardrail, and its role denies calls that carry another or none. The
//! processes of the function read their configuration at different times, and IAM takes a while to apply a policy, so a
//! change goes by way of a [`Transition`] during which the role lets both pass: no call fails because one side is ahead.
//! Ids, versions and ARNs: Bedrock API reference, `GuardrailConfiguration`; user guide, "Enforce the use of specific
//! guardrails in model inference requests".

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Place;

/// The version that is still being worked on.
pub const DRAFT: &str = "DRAFT";

/// One version of a guardrail in the gateway's account and Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Guardrail {
    /// Id: lower-case letters and digits.
    pub id: String,
    /// Number of the version, or [`DRAFT`].
    pub version: String,
}

/// What calls carry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardrails {
    /// What the forwarder has every call carry; none: what the client asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<Guardrail>,
    /// The change that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
}

/// A time during which calls may carry either of two guardrails. The forwarder has no use for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The other one: what calls are to carry next, or carried before; none: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Guardrail>,
    /// When it began, in seconds since the Unix epoch.
    pub since: i64,
}

impl Guardrail {
    /// Its own ARN, which is what `bedrock:ApplyGuardrail` is allowed on.
    pub fn arn(&self, place: Place<'_>) -> String {
        let Place { partition, region, account_id } = place;
        format!("arn:{partition}:bedrock:{region}:{account_id}:guardrail/{}", self.id)
    }

    /// The value of the condition key `bedrock:GuardrailIdentifier` for calls that carry it: its ARN, and the version unless
    /// that is the draft.
    pub fn condition_value(&self, place: Place<'_>) -> String {
        let arn = self.arn(place);
        if self.version == DRAFT { arn } else { format!("{arn}:{}", self.version) }
    }
}

impl fmt::Display for Guardrail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} version {}", self.id, self.version)
    }
}

impl Guardrails {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_names_the_version_unless_it_is_the_draft() {
        let place = Place { partition: "aws", region: "eu-central-1", account_id: "111122223333" };
        let guardrail = |version: &str| Guardrail { id: "abc1".into(), version: version.into() };
        let arn = "arn:aws:bedrock:eu-central-1:111122223333:guardrail/abc1";
        assert_eq!(guardrail("7").condition_value(place), format!("{arn}:7"));
        assert_eq!(guardrail(DRAFT).condition_value(place), arn);
        assert_eq!(guardrail("7").arn(place), arn);
    }

    #[test]
    fn what_an_older_operator_wrote_has_no_guardrail_and_nothing_is_written_for_none() {
        assert_eq!(serde_json::from_str::<Guardrails>("{}").unwrap(), Guardrails::default());
        let newer = r#"{"apply":{"id":"a","version":"1","more":2},"transition":{"since":5,"more":1},"more":{}}"#;
        let read: Guardrails = serde_json::from_str(newer).unwrap();
        assert_eq!(read.apply, Some(Guardrail { id: "a".into(), version: "1".into() }));
        assert_eq!(read.transition, Some(Transition { with: None, since: 5 }));
        assert!(!read.is_empty() && Guardrails::default().is_empty());
    }
}
