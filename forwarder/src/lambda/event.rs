//! API Gateway's events, borrowed from the invocation's bytes.
//!
//! Only the fields in use are read. Multi-value maps are the only source of headers and parameters: the single-value
//! ones lose repeated headers. API Gateway sends `null` for empty maps.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// Event of an `AWS_PROXY` integration of a REST API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProxyEvent<'a> {
    #[serde(borrow)]
    pub path: Text<'a>,
    #[serde(borrow)]
    pub http_method: Text<'a>,
    #[serde(borrow, default)]
    pub multi_value_headers: Multi<'a>,
    #[serde(borrow, default)]
    pub multi_value_query_string_parameters: Multi<'a>,
    #[serde(borrow)]
    pub request_context: RequestContext<'a>,
    #[serde(borrow, default)]
    pub body: Option<Text<'a>>,
    #[serde(default)]
    pub is_base64_encoded: bool,
}

/// What API Gateway itself says about the request. Clients cannot set any of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestContext<'a> {
    #[serde(borrow, default)]
    pub api_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub stage: Option<Text<'a>>,
    /// The id that clients get as `x-amzn-requestid`.
    #[serde(borrow, default)]
    pub request_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub authorizer: Option<AuthorizerContext<'a>>,
}

/// The authorizer's answer. The names are those of `aigw_contract::context`.
#[derive(Debug, Deserialize)]
pub(super) struct AuthorizerContext<'a> {
    #[serde(borrow, default)]
    pub tenant: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub credential: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub subject: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub expires: Option<Text<'a>>,
}

/// Event of a REQUEST authorizer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthorizerEvent<'a> {
    #[serde(borrow)]
    pub method_arn: Text<'a>,
    #[serde(borrow, default)]
    pub multi_value_headers: Multi<'a>,
}

/// A string that is borrowed where the JSON holds no escapes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// A map of names to lists of values, in the order of the event.
#[derive(Debug, Default)]
pub(super) struct Multi<'a>(Vec<(Text<'a>, Vec<Text<'a>>)>);

impl Multi<'_> {
    /// Every pair of a name and one of its values.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(name, values)| values.iter().map(|value| (name.as_ref(), value.as_ref())))
    }

    /// Every value of this name in whatever case.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Multi<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(MultiVisitor(PhantomData))
    }
}

struct MultiVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for MultiVisitor<'a> {
    type Value = Multi<'a>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of lists of strings, or null")
    }

    fn visit_none<E>(self) -> Result<Multi<'a>, E> {
        Ok(Multi::default())
    }

    fn visit_unit<E>(self) -> Result<Multi<'a>, E> {
        Ok(Multi::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Multi<'a>, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Multi<'a>, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(32));
        while let Some((name, values)) = map.next_entry::<Text<'a>, Option<Vec<Text<'a>>>>()? {
            entries.push((name, values.unwrap_or_default()));
        }
        Ok(Multi(entries))
    }
}

#[cfg(test)]
mod tests {
    use aigw_contract::context;

    use super::*;

    #[test]
    fn an_event_is_read_with_nulls_repeats_and_unknown_fields() {
        let text = r#"{"resource":"/{proxy+}","path":"/model/a%3Ab/","httpMethod":"POST","headers":{"A":"2"},
            "multiValueHeaders":{"A":["1","2"],"a":["3"],"B":null},"queryStringParameters":null,
            "multiValueQueryStringParameters":null,"pathParameters":{"proxy":"model/a:b"},
            "requestContext":{"apiId":"api","stage":"v1","authorizer":{"tenant":"t1","principalId":"p","x":1}},
            "body":"{\"a\":\"\u00e9\"}","isBase64Encoded":false}"#;
        let event: ProxyEvent<'_> = serde_json::from_str(text).unwrap();
        assert!(matches!(event.path.0, Cow::Borrowed("/model/a%3Ab/")));
        let pairs: Vec<_> = event.multi_value_headers.pairs().collect();
        assert_eq!(pairs, [("A", "1"), ("A", "2"), ("a", "3")]);
        assert_eq!(event.multi_value_headers.values("a").count(), 3);
        assert_eq!(event.multi_value_query_string_parameters.pairs().count(), 0);
        assert_eq!(event.body.unwrap().as_ref(), "{\"a\":\"\u{e9}\"}");
        let authorizer = event.request_context.authorizer.unwrap();
        assert_eq!((authorizer.tenant.unwrap().as_ref(), authorizer.credential), ("t1", None));
    }

    #[test]
    fn the_context_has_the_names_of_the_contract() {
        let context = serde_json::json!({ context::TENANT: "t", context::CREDENTIAL: "c", context::SUBJECT: "s", context::EXPIRES: "e" });
        let text = context.to_string();
        let context: AuthorizerContext<'_> = serde_json::from_str(&text).unwrap();
        let found = [context.tenant, context.credential, context.subject, context.expires];
        assert_eq!(found.map(|value| value.unwrap().0.into_owned()), ["t", "c", "s", "e"]);
    }
}
