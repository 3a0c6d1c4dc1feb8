use k8s_openapi::api::core::v1::Container;
use serde_json::json;

use super::container::only_container;
use super::environment::{field_value, pod_ip};
use super::expand::expand;
use super::probe::Http;
use super::status::PodStatus;
use super::volumes::Volumes;
use super::*;

fn pod(spec: &serde_json::Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"a/b": "c"}},
        "spec": spec,
    }))
    .unwrap()
}

#[test]
fn references_are_expanded_as_kubernetes_does() {
    let variables = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("B_C".to_owned(), "$(A)".to_owned())]);
    for (text, expanded) in [
        ("--x=$(A)", "--x=1"),
        ("$(A)$(A)-$(B_C)", "11-$(A)"),
        ("$(UNKNOWN) $(A)", "$(UNKNOWN) 1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$()", "$()"),
        ("", ""),
        ("5$ € $(A)", "5$ € 1"),
    ] {
        assert_eq!(expand(text, &variables), expanded, "{text}");
    }
}

#[test]
fn mount_paths_are_rewritten_where_they_are_whole() {
    let volumes = Volumes::of(&[("/etc/aigw/more", "/v/more"), ("/etc/aigw", "/v/config"), ("/tmp", "/v/tmp")]);
    for (text, rewritten) in [
        ("/etc/aigw", "/v/config"),
        ("/etc/aigw/more/x", "/v/more/x"),
        ("--config=/etc/aigw/a.yaml", "--config=/v/config/a.yaml"),
        ("--dirs=/tmp,/etc/aigw:/tmp", "--dirs=/v/tmp,/v/config:/v/tmp"),
        ("/etc/aigw-other", "/etc/aigw-other"),
        ("/home/tmp", "/home/tmp"),
        ("https://host/tmp", "https://host/tmp"),
        ("plain", "plain"),
    ] {
        assert_eq!(volumes.rewrite(text), rewritten);
    }
}

#[test]
fn fields_of_the_pod_are_known() {
    let pod = pod(&json!({"containers": [], "serviceAccountName": "sa"}));
    for (path, value) in [
        ("metadata.name", "p"),
        ("metadata.namespace", "n"),
        ("metadata.uid", "u"),
        ("metadata.labels['a/b']", "c"),
        ("metadata.labels['none']", ""),
        ("spec.nodeName", NODE),
        ("spec.serviceAccountName", "sa"),
        ("status.podIP", "127.0.0.1"),
    ] {
        assert_eq!(field_value(&pod, path).as_deref(), Ok(value), "{path}");
    }
    assert_eq!(
        field_value(&pod, "status.qosClass").unwrap_err(),
        "this kubelet does not know the field status.qosClass"
    );
}

#[test]
fn pods_that_ask_for_an_address_get_their_own() {
    let env = json!([{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]);
    let mut own = pod(&json!({"containers": [{"name": "c", "env": env}]}));
    let first = pod_ip(&own);
    assert!(first.starts_with("127.") && first != "127.0.0.1", "{first}");
    assert_eq!(field_value(&own, "status.podIP").unwrap(), first);
    own.metadata.uid = Some("another".to_owned());
    assert_ne!(pod_ip(&own), first);
    assert_eq!(pod_ip(&pod(&json!({"containers": [{"name": "c"}]}))), "127.0.0.1");
}

#[test]
fn half_a_pod_is_refused() {
    let one = json!({"name": "c"});
    assert!(only_container(&pod(&json!({"containers": [one]}))).is_ok());
    for (spec, message) in [
        (json!({"containers": [one, one]}), "one container only"),
        (json!({"containers": [one], "initContainers": [one]}), "init containers"),
        (json!({"containers": [{"name": "c", "command": ["x"]}]}), "`command`"),
    ] {
        let error = only_container(&pod(&spec)).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn probes_find_named_ports_and_refuse_what_is_not_http() {
    let container = |probe: serde_json::Value| -> Container {
        serde_json::from_value(json!({
            "name": "c", "livenessProbe": probe, "ports": [{"name": "health", "containerPort": 8123}],
        }))
        .unwrap()
    };
    let read = |probe| {
        let container = container(probe);
        Http::of(container.liveness_probe.as_ref().unwrap(), &container, "127.0.0.1")
    };
    let named = read(json!({"httpGet": {"path": "/healthz", "port": "health"}})).unwrap();
    assert_eq!(named.url, "http://127.0.0.1:8123/healthz");
    assert_eq!(read(json!({"httpGet": {"port": 9}})).unwrap().url, "http://127.0.0.1:9/");
    assert_eq!(read(json!({"httpGet": {"port": "nope"}})).unwrap_err(), "no port is named nope");
    assert!(read(json!({"exec": {"command": ["true"]}})).is_err());
    assert!(read(json!({"httpGet": {"port": 9, "scheme": "HTTPS"}})).is_err());
}

#[test]
fn the_status_tells_the_story() {
    let pod = pod(&json!({"containers": [{"name": "c", "image": "i"}]}));
    let container = &pod.spec.as_ref().unwrap().containers[0];
    let mut pod_status = PodStatus::taken(&pod);
    let fresh = pod_status.patch(&pod, container);
    assert_eq!(fresh["status"]["phase"], "Pending");
    assert_eq!(fresh["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "ContainerCreating");
    pod_status.state = status::State::Running { since: pod_status.start };
    pod_status.set_ready(true);
    let running = pod_status.patch(&pod, container);
    assert_eq!(running["status"]["phase"], "Running");
    let conditions = running["status"]["conditions"].as_array().unwrap();
    assert!(conditions.iter().all(|condition| condition["status"] == "True"), "{conditions:?}");
}
