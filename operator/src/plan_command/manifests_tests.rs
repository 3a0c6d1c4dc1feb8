use super::*;

fn loaded(text: &str) -> Manifests {
    load(&[STANDARD_INPUT.into()], &mut text.as_bytes()).unwrap()
}

fn refusals(text: &str) -> Vec<String> {
    let refused = loaded(text).refused;
    refused
        .iter()
        .flat_map(|object| &object.violations)
        .map(|each| format!("{}: {}", each.path, each.message))
        .collect()
}

#[test]
fn documents_lists_and_labels_are_found_and_the_rest_is_counted() {
    let manifests = loaded(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: team, labels: {ai: 'true'}}\n---\n---\n\
         apiVersion: aigateway.dev/v1alpha1\nkind: Tenant\nmetadata: {name: a, namespace: team}\nspec: {gatewayRef: {name: prod}}\n---\n\
         apiVersion: v1\nkind: List\nitems:\n- {apiVersion: aigateway.dev/v1alpha1, kind: Tenant, metadata: {name: b}, spec: {gatewayRef: {name: prod}}}\n\
         - {apiVersion: apps/v1, kind: Deployment, metadata: {name: x}}\n",
    );
    assert_eq!(manifests.namespaces["team"]["ai"], "true");
    let names: Vec<_> =
        manifests.tenants.iter().map(|tenant| (tenant.namespace().unwrap(), tenant.name_any())).collect();
    assert_eq!(names, [("team".into(), "a".into()), ("default".into(), "b".into())]);
    assert_eq!((manifests.others, manifests.refused.len()), (1, 0));
}

#[test]
fn what_no_apiserver_would_take_is_refused_with_its_field() {
    let tenant =
        |spec: &str| format!("apiVersion: aigateway.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: a}}\nspec: {spec}\n");
    assert_eq!(refusals(&tenant("{gatewayRef: {name: prod}, teir: silver}")), ["spec.teir: is not a field of Tenant"]);
    assert_eq!(refusals(&tenant("{gatewayRef: {name: prod, x: 1}}")), ["spec.gatewayRef.x: is not a field of Tenant"]);
    assert!(refusals(&tenant("{gatewayRef: {name: prod}, suspend: maybe}"))[0].starts_with("spec: invalid type"));
    assert!(refusals(&tenant("{}"))[0].contains("missing field `gatewayRef`"));
    assert!(refusals(&tenant("{gatewayRef: {name: prod}, apiKey: {env: []}}")).is_empty());
    let old = "apiVersion: aigateway.dev/v1\nkind: Tenant\nmetadata: {name: a}\nspec: {}\n";
    assert_eq!(refusals(old), ["apiVersion: aigateway.dev/v1 is not known; use aigateway.dev/v1alpha1"]);
    let one = tenant("{gatewayRef: {name: prod}}");
    assert!(refusals(&format!("{one}---\n{one}"))[0].starts_with("metadata.name"));
}

#[test]
fn what_cannot_be_read_names_itself() {
    let error = load(&["/nowhere.yaml".into()], &mut std::io::empty()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /nowhere.yaml");
    let error = load(&["-".into()], &mut "a: [".as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with("standard input is not YAML"), "{error}");
}

#[test]
fn the_examples_load() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let files = [examples.join("quickstart"), examples.join("private-gateway.yaml"), examples.join("workload.yaml")];
    let manifests = load(&files, &mut std::io::empty()).unwrap();
    assert_eq!((manifests.gateways.len(), manifests.tenants.len(), manifests.others), (2, 2, 1));
    assert!(manifests.refused.is_empty(), "{:?}", manifests.refused);
}
