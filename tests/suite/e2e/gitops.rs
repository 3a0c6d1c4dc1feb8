//! Examples applied as GitOps tools apply them, with the operator at work on them: by server-side apply, and by the
//! three-way comparison of client-side apply, which is Argo CD's default. No difference is ever left.

use aigw_env::{Instance, Options};
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{examples, prod};
use aigw_tests::world::World;
use aigw_tests::{Outcome, ensure, ensure_eq, repository};
use libtest_mimic::Trial;
use serde_json::{Value, json};

/// Who applies.
const MANAGER: &str = "--field-manager=argocd-controller";

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "the_quick_start_at_rest_shows_no_difference", quick_start),
        test(module_path!(), "every_example_shows_no_difference", every_example),
    ]
}

/// A cluster, as kubectl reaches it.
struct Applier<'a> {
    world: &'a World,
    instance: &'a Instance,
}

impl Applier<'_> {
    fn kubectl(&self, arguments: &[&str], objects: &[Value]) -> Outcome<String> {
        let text = objects.iter().map(|object| format!("---\n{object}\n")).collect::<Vec<_>>().concat();
        let arguments = [arguments, &["-f", "-"]].concat();
        Ok(self.world.block(self.instance.kubectl_with_input(&arguments, &text))?)
    }

    /// Resource versions and generations of the objects that are not Namespaces: of one without a label in the manifest
    /// the server writes who owns nothing anew each time, which is no difference.
    fn versions(&self, objects: &[Value]) -> Outcome<String> {
        let ours: Vec<_> = objects.iter().filter(|object| object["kind"] != "Namespace").cloned().collect();
        let template = "jsonpath={range .items[*]}{.metadata.resourceVersion} {.metadata.generation}\n{end}";
        self.kubectl(&["get", "-o", template], &ours)
    }

    /// Applies twice and compares, both ways.
    fn no_difference(&self, what: &str, objects: &[Value]) -> Outcome {
        // `diff` fails where there is a difference.
        let three_way = |when: &str| self.kubectl(&["diff"], objects).map_err(|error| named(what, when, &error));
        self.kubectl(&["apply"], objects)?;
        three_way("after a client-side apply")?;
        let server_side = ["apply", "--server-side", "--force-conflicts", MANAGER];
        self.kubectl(&server_side, objects)?;
        let before = self.versions(objects)?;
        self.kubectl(&server_side, objects)?;
        ensure_eq!(
            self.versions(objects)?,
            before,
            "{what}: versions and generations after a second server-side apply"
        );
        self.kubectl(&["diff", "--server-side", "--force-conflicts", MANAGER], objects)
            .map_err(|error| named(what, "by server-side apply", &error))?;
        three_way("after a server-side apply").map(drop)
    }
}

fn named(what: &str, when: &str, error: &libtest_mimic::Failed) -> libtest_mimic::Failed {
    format!("{what}, {when}: {}", error.message().unwrap_or("a difference")).into()
}

fn quick_start() -> Outcome {
    let shared = prod()?;
    let objects = examples()?;
    let applier = Applier { world: &shared.world, instance: shared.world.cluster.instance() };
    applier.no_difference("examples/quickstart", &objects)?;
    let gateway = shared.world.cluster.get(&shared.gateway())?;
    let meta = &gateway["metadata"];
    // The operator has written what it writes, so that the comparison meant something.
    ensure!(!meta["finalizers"].is_null() && !gateway["status"].is_null(), "nothing was written: {meta}");
    ensure_eq!(gateway["status"]["observedGeneration"], meta["generation"], "generation that was seen");
    // A difference is seen where there is one.
    let mut other = objects.clone();
    for object in other.iter_mut().filter(|object| object["kind"] == "Tenant") {
        object["spec"]["suspend"] = json!(true);
    }
    ensure!(applier.kubectl(&["diff"], &other).is_err(), "a difference is not seen");
    Ok(())
}

fn every_example() -> Outcome {
    let shared = prod()?;
    let world = &shared.world;
    let instance = world.block(Instance::up(Options { aws: false, ..Options::default() }))?;
    let outcome = each(&Applier { world, instance: &instance });
    world.block(instance.down())?;
    outcome
}

fn each(applier: &Applier<'_>) -> Outcome {
    let mut definitions = Vec::new();
    for file in repository::files("crds", ".yaml")? {
        definitions.extend(repository::yaml(&file)?);
    }
    applier.no_difference("crds", &definitions)?;
    applier.kubectl(&["wait", "--for=condition=Established", "--timeout=60s"], &definitions)?;
    let mut seen = 0;
    for file in repository::files("examples", ".yaml")? {
        let ours =
            |object: &Value| object["apiVersion"].as_str().is_some_and(|version| version.starts_with("aigateway.dev/"));
        let objects: Vec<_> =
            repository::yaml(&file)?.into_iter().filter(|object| ours(object) && !file.contains("testdata")).collect();
        if objects.is_empty() {
            continue;
        }
        let namespaces: Vec<_> = objects.iter().map(|object| namespace(&object["metadata"]["namespace"])).collect();
        applier.kubectl(&["apply", "--server-side"], &namespaces)?;
        applier.no_difference(&file, &objects)?;
        // The next may have another object of the same name.
        applier.kubectl(&["delete"], &objects)?;
        seen += objects.len();
    }
    ensure!(seen >= 6, "too few examples: {seen}");
    Ok(())
}

fn namespace(name: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}
