//! What a model id says: a model by name, perhaps through a cross-Region profile, or something that hides its model.
//!
//! Sources: Bedrock user guide, "Supported foundation models" and "Inference profiles" (ids, geography prefixes); the
//! ARN formats of the service authorization reference. Only names can be judged by patterns. An application inference
//! profile, a provisioned, custom or imported model, a prompt, a router or an endpoint is opaque: the ARN does not tell
//! which model answers.

/// Bedrock's bound on a model id, in bytes (`modelId` of InvokeModel).
const MAX_LENGTH: usize = 2048;

/// Where the gateway is: what names without a place are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// ARN partition, for example `aws`.
    pub partition: &'a str,
    /// Region.
    pub region: &'a str,
    /// Account, 12 digits.
    pub account_id: &'a str,
}

/// A model id, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelId<'a> {
    /// A foundation model of the gateway's Region, or AWS's own profile over several Regions for one.
    Named(Named<'a>),
    /// Anything that does not tell its model.
    Opaque(&'a str),
}

/// A model by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// As AWS writes it without an ARN around, for example `eu.anthropic.claude-sonnet-4-5-20250929-v1:0`.
    pub id: &'a str,
    /// The same without the geography, for example `anthropic.claude-sonnet-4-5-20250929-v1:0`.
    pub model: &'a str,
    /// Where a profile may send the call; `None` is the gateway's Region.
    pub geography: Option<Geography>,
}

/// The Regions a cross-Region inference profile may send a call to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Geography {
    /// `us.`: the United States.
    Us,
    /// `eu.`: the European Union.
    Eu,
    /// `apac.`: Asia and the Pacific.
    Apac,
    /// `jp.`: Japan.
    Jp,
    /// `au.`: Australia.
    Au,
    /// `us-gov.`: AWS GovCloud (US).
    UsGov,
    /// `global.`: any commercial Region.
    Global,
    /// A country code this version does not know.
    Other,
}

impl Geography {
    /// By the first label of a profile's id. Two letters are a country code: no provider's name is that short.
    pub fn of_prefix(label: &str) -> Option<Self> {
        const KNOWN: [(&str, Geography); 7] = [
            ("us", Geography::Us),
            ("eu", Geography::Eu),
            ("apac", Geography::Apac),
            ("jp", Geography::Jp),
            ("au", Geography::Au),
            ("us-gov", Geography::UsGov),
            ("global", Geography::Global),
        ];
        let known = KNOWN.iter().find(|(prefix, _)| prefix.eq_ignore_ascii_case(label));
        let country =
            || (label.len() == 2 && label.bytes().all(|byte| byte.is_ascii_alphabetic())).then_some(Self::Other);
        known.map(|(_, geography)| *geography).or_else(country)
    }
}

impl<'a> ModelId<'a> {
    /// Reads a decoded model id. `None` where it is none: empty, too long, or with characters no id has. ARNs of another
    /// Region, account or partition are opaque, whatever they name: patterns are about this gateway's models.
    pub fn read(text: &'a str, place: Option<Place<'_>>) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'/');
        if text.is_empty() || text.len() > MAX_LENGTH || !text.bytes().all(allowed) {
            return None;
        }
        if let Some(arn) = strip_arn(text) {
            return Some(arn_name(arn, place).map_or(Self::Opaque(text), Self::Named));
        }
        if text.contains('/') {
            return None;
        }
        // Every foundation model's id begins with its provider and a dot; names of custom models have no dot.
        Some(if text.contains('.') { Self::Named(Named::of(text)) } else { Self::Opaque(text) })
    }
}

impl<'a> Named<'a> {
    fn of(id: &'a str) -> Self {
        let prefixed = id.split_once('.').and_then(|(label, rest)| Some((Geography::of_prefix(label)?, rest)));
        match prefixed {
            Some((geography, model)) => Self { id, model, geography: Some(geography) },
            None => Self { id, model: id, geography: None },
        }
    }
}

/// What follows `arn:`, however it is written.
fn strip_arn(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked(4)?;
    scheme.eq_ignore_ascii_case("arn:").then_some(rest)
}

fn arn_name<'a>(arn: &'a str, place: Option<Place<'_>>) -> Option<Named<'a>> {
    let place = place?;
    let mut fields = arn.splitn(5, ':');
    let mut next = || fields.next();
    let (partition, service, region, account, resource) = (next()?, next()?, next()?, next()?, next()?);
    if partition != place.partition || service != "bedrock" || region != place.region {
        return None;
    }
    if let Some(model) = resource.strip_prefix("foundation-model/") {
        let plain = account.is_empty() && !model.contains('/') && model.contains('.');
        return plain.then_some(Named { id: model, model, geography: None });
    }
    let profile = resource.strip_prefix("inference-profile/")?;
    // AWS's own profiles have a geography. Without one it would be read as a model of this Region.
    let named = Named::of(profile);
    (account == place.account_id && !profile.contains('/') && named.geography.is_some()).then_some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account_id: "111122223333" };

    fn named(text: &str) -> Option<(&str, &str, Option<Geography>)> {
        match ModelId::read(text, Some(PLACE))? {
            ModelId::Named(Named { id, model, geography }) => Some((id, model, geography)),
            ModelId::Opaque(_) => None,
        }
    }

    #[test]
    fn names_are_read_with_and_without_a_geography() {
        let cases = [
            ("anthropic.claude-v2:1", "anthropic.claude-v2:1", None),
            ("amazon.nova-pro-v1:0:300k", "amazon.nova-pro-v1:0:300k", None),
            ("zai.glm-4.6", "zai.glm-4.6", None),
            ("ai21.jamba-1-5-large-v1:0", "ai21.jamba-1-5-large-v1:0", None),
            ("eu.anthropic.claude-v2:1", "anthropic.claude-v2:1", Some(Geography::Eu)),
            ("us-gov.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0", Some(Geography::UsGov)),
            ("GLOBAL.a.b", "a.b", Some(Geography::Global)),
            ("uk.anthropic.x", "anthropic.x", Some(Geography::Other)),
        ];
        for (text, model, geography) in cases {
            assert_eq!(named(text), Some((text, model, geography)), "{text}");
        }
        let arn = "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-v2:1";
        assert_eq!(named(arn), Some(("anthropic.claude-v2:1", "anthropic.claude-v2:1", None)));
        let arn = "arn:aws:bedrock:eu-central-1:111122223333:inference-profile/eu.anthropic.claude-v2:1";
        assert_eq!(named(arn), Some(("eu.anthropic.claude-v2:1", "anthropic.claude-v2:1", Some(Geography::Eu))));
    }

    #[test]
    fn what_hides_its_model_is_opaque() {
        for text in [
            "my-custom-model",
            "arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/abc",
            "arn:aws:bedrock:eu-central-1:111122223333:provisioned-model/abc",
            "arn:aws:bedrock:eu-central-1:111122223333:custom-model/anthropic.claude/abc",
            "arn:aws:bedrock:eu-central-1:111122223333:custom-model-deployment/abc",
            "arn:aws:bedrock:eu-central-1:111122223333:imported-model/abc",
            "arn:aws:bedrock:eu-central-1:111122223333:prompt/ABCDEFGHIJ:1",
            "arn:aws:bedrock:eu-central-1:111122223333:default-prompt-router/anthropic.claude:1",
            "arn:aws:sagemaker:eu-central-1:111122223333:endpoint/anthropic.x",
            // Another Region, account, partition or service.
            "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2:1",
            "arn:aws:bedrock:::foundation-model/anthropic.claude-v2:1",
            "arn:aws:bedrock:eu-central-1:999999999999:inference-profile/eu.anthropic.claude-v2:1",
            "arn:aws:bedrock:eu-central-1:999999999999:foundation-model/anthropic.claude-v2:1",
            "arn:aws-cn:bedrock:eu-central-1::foundation-model/anthropic.claude-v2:1",
            "arn:aws:bedrock:eu-central-1::foundation-model/x/anthropic.claude",
            "arn:aws:bedrock:eu-central-1:111122223333:inference-profile/anthropic.claude-v2:1",
            "ARN:aws:bedrock:eu-central-1:111122223333:custom-model/a.b",
            "arn:aws",
        ] {
            assert_eq!(ModelId::read(text, Some(PLACE)), Some(ModelId::Opaque(text)), "{text}");
        }
        let arn = "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-v2:1";
        assert_eq!(ModelId::read(arn, None), Some(ModelId::Opaque(arn)), "nothing is known of the place");
    }

    #[test]
    fn what_no_id_has_is_no_id() {
        let long = "a.".repeat(1025);
        for text in
            ["", "a b", "a.b%2Fc", "anthropic.claude/../x", "a.b/invoke", "a.b\n", "a.b?x", "*", "a.\u{e9}", &long]
        {
            assert_eq!(ModelId::read(text, Some(PLACE)), None, "{text}");
        }
    }
}
