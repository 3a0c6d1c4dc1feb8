//! Looks at single objects from time to time, in the form of a watch: for kinds of which only those may be read.

use std::fmt::Debug;
use std::time::Duration;

use futures::{StreamExt, stream};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::{Seen, Source};

/// One object again and again, each time as a list of one, or of none where it is gone.
pub(super) fn looks<K>(api: Api<K>, name: String, every: Duration) -> Source<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let look = move |pause: Duration| {
        let (api, name) = (api.clone(), name.clone());
        async move {
            tokio::time::sleep(pause).await;
            let events = match api.get_opt(&name).await {
                Ok(found) => {
                    let found = found.map(|object| Ok(Event::InitApply(Seen::Valid(object))));
                    [Ok(Event::Init)].into_iter().chain(found).chain([Ok(Event::InitDone)]).collect()
                }
                Err(failure) => vec![Err(watcher::Error::InitialListFailed(failure))],
            };
            Some((stream::iter(events), every))
        }
    };
    stream::unfold(Duration::ZERO, look).flatten().boxed()
}
