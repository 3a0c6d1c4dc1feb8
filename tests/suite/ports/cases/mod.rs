//! The cases, by port.

mod api_keys;
mod capacity;
mod domains;
mod function_metrics;
mod functions;
mod items;
mod log_groups;
mod rest_apis;
mod roles;
mod stages;
mod tables;
mod usage_plans;
mod versions;

use super::subject::Case;

/// Cases from functions of those names.
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        vec![$($crate::ports::subject::Case { name: stringify!($name), run: |subject| Box::pin($name(subject)) }),+]
    };
}
use cases;

/// All cases.
pub fn all() -> Vec<Case> {
    let groups = [
        tables::cases(),
        items::cases(),
        roles::cases(),
        log_groups::cases(),
        functions::cases(),
        versions::cases(),
        function_metrics::cases(),
        rest_apis::cases(),
        stages::cases(),
        domains::cases(),
        usage_plans::cases(),
        api_keys::cases(),
        capacity::cases(),
    ];
    groups.into_iter().flatten().collect()
}
