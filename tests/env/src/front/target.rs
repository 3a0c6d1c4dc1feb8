//! Where a request goes: from the address a client of the gateway uses to the address the emulator serves it under.
//! Pure; the bytes of path and query are never decoded, encoded or put in order.

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

/// The path under which the emulator serves deployed REST APIs.
pub const EXECUTE_API: &str = "/_aws/execute-api";

/// Ending of hosts that are custom domains: reserved for tests (RFC 6761), so it can be nobody's real name.
pub const CUSTOM_DOMAIN: &str = ".test";

/// Where a request goes and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address at the upstream.
    pub uri: Uri,
    /// Whether the upstream sees its own address as Host, and not the client's.
    ///
    /// An emulator that routes by API host names would apply its own mapping on top of ours.
    pub own_host: bool,
}

/// The target of a request with this Host and raw path and query; `None` when they name no API and stage.
///
/// - `/{api}/{stage}/rest` → `{prefix}/{api}/{stage}/rest`
/// - Host `{api}.execute-api.{region}.amazonaws.com`, `/{stage}/rest` → the same
/// - a custom domain as Host → unchanged, since its base path and the emulator's mapping say which API it is
///
/// With an empty prefix nothing is mapped.
pub fn target(prefix: &str, upstream: &Authority, host: &str, path_and_query: &str) -> Option<Target> {
    let (mapped, own_host) = if prefix.is_empty() || name_of(host).ends_with(CUSTOM_DOMAIN) {
        (path_and_query.to_owned(), false)
    } else if let Some(api) = api_of_host(host) {
        segments(path_and_query, 1).then(|| (format!("{prefix}/{api}{path_and_query}"), true))?
    } else {
        segments(path_and_query, 2).then(|| (format!("{prefix}{path_and_query}"), false))?
    };
    let uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(upstream.clone())
        .path_and_query(PathAndQuery::from_maybe_shared(bytes::Bytes::from(mapped)).ok()?)
        .build()
        .ok()?;
    Some(Target { uri, own_host })
}

/// The API a Host of API Gateway's default form names.
fn api_of_host(host: &str) -> Option<&str> {
    let (api, rest) = host.split_once(".execute-api.")?;
    let name = name_of(rest);
    let aws = name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn");
    (aws && !api.is_empty() && !api.contains('.')).then_some(api)
}

/// A Host without its port.
fn name_of(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Whether the path starts with that many segments that are not empty.
fn segments(path_and_query: &str, count: usize) -> bool {
    let path = path_and_query.split('?').next().unwrap_or_default();
    let mut found = path.split('/').skip(1);
    path.starts_with('/') && (0..count).all(|_| found.next().is_some_and(|segment| !segment.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(host: &str, path: &str) -> Option<(String, bool)> {
        let upstream = Authority::from_static("127.0.0.1:4566");
        let target = target(EXECUTE_API, &upstream, host, path)?;
        assert_eq!(target.uri.authority().unwrap(), &upstream);
        Some((target.uri.path_and_query().unwrap().to_string(), target.own_host))
    }

    #[test]
    fn path_form_keeps_every_byte() {
        for rest in [
            "/api/stage",
            "/api/stage/",
            "/api/stage/model/a%3A0%2Fb:c/converse?x=1&x=2&y=%2B+&z",
            "/api/stage//double/./../dots%2e%2E/",
            "/api/stage?",
            "/api/stage/{brace}|pipe\"",
        ] {
            assert_eq!(map("127.0.0.1:8443", rest), Some((format!("/_aws/execute-api{rest}"), false)), "{rest}");
        }
        for rest in ["/", "/api", "/api/", "//stage", "/api?x=/y", "*"] {
            assert_eq!(map("localhost", rest), None, "{rest}");
        }
    }

    #[test]
    fn host_form_takes_the_api_from_the_host() {
        let host = "abc123.execute-api.eu-central-1.amazonaws.com";
        let mapped = Some(("/_aws/execute-api/abc123/prod/x%2Fy?q".to_owned(), true));
        assert_eq!(map(host, "/prod/x%2Fy?q"), mapped);
        assert_eq!(map(&format!("{host}:8443"), "/prod/x%2Fy?q"), mapped);
        assert_eq!(map(host, "/"), None);
        let lookalike = "abc.execute-api.example.com";
        assert_eq!(map(lookalike, "/a/b").unwrap(), ("/_aws/execute-api/a/b".into(), false));
    }

    #[test]
    fn a_custom_domain_is_left_to_the_emulator() {
        for host in ["ai.example.test", "ai.example.test:8443"] {
            assert_eq!(map(host, "/base/model/a%2Fb"), Some(("/base/model/a%2Fb".into(), false)), "{host}");
        }
        assert_eq!(map("test", "/base/model").unwrap().0, "/_aws/execute-api/base/model");
    }

    #[test]
    fn an_empty_prefix_maps_nothing() {
        let upstream = Authority::from_static("h:1");
        let target = target("", &upstream, "x.execute-api.r.amazonaws.com", "/a?b").unwrap();
        assert_eq!(target.uri, "http://h:1/a?b");
    }
}
