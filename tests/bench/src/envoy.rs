//! Configuration of Envoy: one listener, the request signing filter, one cluster. No access log, as by default.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::gateway::REGION;

/// The filter hashes the body, so it has to hold all of it.
const BUFFER: u32 = 32 << 20;

/// A bootstrap that listens on `address` and sends what it signed to `upstream`.
pub fn config(address: SocketAddr, upstream: SocketAddr) -> Value {
    let socket = |address: SocketAddr| json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } });
    let signing = json!({
        "name": "envoy.filters.http.aws_request_signing",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning",
            "service_name": "bedrock", "region": REGION,
            "host_rewrite": format!("bedrock-runtime.{REGION}.amazonaws.com"),
            "match_excluded_headers": [{ "prefix": "x-envoy" }, { "prefix": "x-forwarded" }, { "exact": "x-request-id" }],
        },
    });
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
    });
    let route = json!({
        "name": "all", "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [{
            "match": { "prefix": "/" }, "route": { "cluster": "bedrock", "timeout": "0s" },
        }] }],
    });
    let connections = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench", "generate_request_id": false, "route_config": route, "http_filters": [signing, router],
    });
    json!({
        "static_resources": {
            "listeners": [{
                "name": "bench", "address": socket(address), "per_connection_buffer_limit_bytes": BUFFER,
                "filter_chains": [{ "filters": [{
                    "name": "envoy.filters.network.http_connection_manager", "typed_config": connections,
                }] }],
            }],
            "clusters": [{
                "name": "bedrock", "type": "STATIC", "per_connection_buffer_limit_bytes": BUFFER,
                "load_assignment": { "cluster_name": "bedrock", "endpoints": [{ "lb_endpoints": [{
                    "endpoint": { "address": socket(upstream) },
                }] }] },
            }],
        },
    })
}
