//! Tests of the merging of scopes and lists.

use aigw_api::Tenant;
use serde_json::json;

use super::*;

fn valid(namespace: &str, name: &str) -> Seen<Tenant> {
    Seen::Valid(
        serde_json::from_value(
            json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"gatewayRef": {"name": "g"}}}),
        )
        .unwrap(),
    )
}

fn invalid(namespace: &str, name: &str) -> Seen<Tenant> {
    Seen::Invalid { key: Key { namespace: Some(namespace.into()), name: name.into() }, uid: None, error: "bad".into() }
}

struct World {
    merge: Merge<Tenant>,
    changes: UnboundedReceiver<Change<Tenant>>,
}

impl World {
    fn new(scopes: usize) -> Self {
        let mut merge = Merge::new(scopes, Arc::new(Activity::new("tenants")));
        let (sender, changes) = unbounded();
        merge.subscribers.push(sender);
        Self { merge, changes }
    }

    fn list(&mut self, scope: usize, objects: Vec<Seen<Tenant>>) {
        self.merge.take(scope, Event::Init);
        for object in objects {
            self.merge.take(scope, Event::InitApply(object));
        }
        self.merge.take(scope, Event::InitDone);
    }

    fn stored(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.merge.writer.as_reader().state().iter().map(|object| object.metadata.name.clone().unwrap()).collect();
        names.sort();
        names
    }

    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Ok(change) = self.changes.try_recv() {
            let word = match &change {
                Change::Initial(_) => "initial",
                Change::Applied(_) => "applied",
                Change::Deleted(_) => "deleted",
            };
            told.push(format!("{word} {}", change.object().metadata.name.as_deref().unwrap()));
        }
        told.sort();
        told
    }
}

#[test]
fn nothing_is_told_before_every_scope_is_listed() {
    let mut world = World::new(2);
    world.list(0, vec![valid("a", "one")]);
    world.merge.take(0, Event::Apply(valid("a", "two")));
    assert!(world.told().is_empty() && world.stored().is_empty());
    world.list(1, vec![valid("b", "three")]);
    assert_eq!(world.told(), ["initial one", "initial three", "initial two"]);
    assert_eq!(world.stored(), ["one", "three", "two"]);
}

#[test]
fn a_new_list_tells_what_went_in_the_gap_and_leaves_other_scopes_alone() {
    let mut world = World::new(2);
    world.list(0, vec![valid("a", "one"), valid("a", "two")]);
    world.list(1, vec![valid("b", "three")]);
    world.told();
    world.list(0, vec![valid("a", "two")]);
    assert_eq!(world.told(), ["applied two", "deleted one"]);
    assert_eq!(world.stored(), ["three", "two"]);
}

#[test]
fn an_object_that_cannot_be_read_stays_as_it_was() {
    let mut world = World::new(1);
    world.list(0, vec![valid("a", "one"), invalid("a", "two")]);
    assert_eq!((world.stored(), world.merge.activity.invalid()), (vec!["one".to_owned()], 1));
    world.told();
    world.merge.take(0, Event::Apply(invalid("a", "one")));
    world.list(0, vec![invalid("a", "one")]);
    assert_eq!((world.stored(), world.told().len(), world.merge.activity.invalid()), (vec!["one".to_owned()], 0, 1));
    world.merge.take(0, Event::Delete(invalid("a", "one")));
    assert_eq!(
        (world.stored().len(), world.told(), world.merge.activity.invalid()),
        (0, vec!["deleted one".to_owned()], 0)
    );
}

#[tokio::test(start_paused = true)]
async fn silence_is_measured_from_the_last_sign_of_life() {
    let activity = Activity::new("tenants");
    assert_eq!(activity.silence(), None);
    activity.mark();
    tokio::time::advance(Duration::from_secs(90)).await;
    assert_eq!(activity.silence(), Some(Duration::from_secs(90)));
    activity.mark();
    assert_eq!(activity.silence(), Some(Duration::ZERO));
}

#[test]
fn what_repeats_the_rest_of_an_object_is_not_kept() {
    let mut world = World::new(1);
    let object = json!({
        "metadata": {
            "namespace": "n", "name": "a",
            "annotations": {LAST_APPLIED: "{}", "aigateway.dev/reconcile-requested-at": "now"},
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {"gatewayRef": {"name": "g"}},
    });
    world.list(0, vec![Seen::Valid(serde_json::from_value(object).unwrap())]);
    let [stored] = &world.merge.writer.as_reader().state()[..] else { panic!("one object") };
    assert_eq!(stored.metadata.managed_fields, None);
    let annotations: Vec<_> = stored.metadata.annotations.iter().flatten().map(|(name, _)| name.as_str()).collect();
    assert_eq!(annotations, ["aigateway.dev/reconcile-requested-at"]);
}
