//! Texts of steps that name what does not exist yet: an id AWS has yet to give reads `(new)`.

use std::fmt::Display;

use aigw_plan::gateway::step::GatewayStep;

/// What is printed for an id AWS has yet to give.
pub(super) const NEW: &str = "(new)";
/// How such an id begins inside a simulation. No name in Kubernetes or AWS holds a parenthesis.
const BEGIN: &str = "(new-";

/// Ids of simulated objects: different from each other, and not to be taken for real ones.
pub(super) fn new_id(_kind: &str, number: i64) -> String {
    format!("{BEGIN}{number})")
}

/// What has been learnt about values that depend on such ids.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Hashes of documents that name a REST API whose id is not known.
    hashes: Vec<String>,
}

impl Names {
    /// Notes the hash of a document that is not the one that will be.
    pub(super) fn learn(&mut self, step: &GatewayStep) {
        if let GatewayStep::PutDocument { body, hash, .. } = step
            && body.contains(BEGIN)
        {
            self.hashes.push(hash.clone());
        }
    }

    /// The text of a step, without what cannot be known.
    pub(super) fn text(&self, step: &impl Display) -> String {
        let mut text = step.to_string();
        for hash in &self.hashes {
            text = text.replace(hash.as_str(), NEW);
        }
        let mut parts = text.split(BEGIN);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + NEW + part.split_once(')').map_or("", |(_, rest)| rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_hashes_that_are_not_known_read_new() {
        let mut names = Names::default();
        let put = |body: &str, hash: &str| GatewayStep::PutDocument {
            rest_api_id: new_id("api", 1),
            body: body.into(),
            hash: hash.into(),
        };
        names.learn(&put("{\"resource\": \"(new-1)/*\"}", "abc"));
        names.learn(&put("{}", "def"));
        assert_eq!(names.text(&put("", "abc")), "put document (new) into rest api (new)");
        assert_eq!(names.text(&put("", "def")), "put document def into rest api (new)");
        assert_eq!(names.text(&"a (new-1)/(new-22) b"), "a (new)/(new) b");
    }
}
