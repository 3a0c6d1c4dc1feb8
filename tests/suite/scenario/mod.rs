//! The whole operator on both fakes under virtual time: what it does when everything goes well, when it is killed at any
//! write, when AWS or Kubernetes refuse, and when it is not alone.

mod cases;
mod crash;
mod drift;

use aigw_tests::harness::Suite;

pub fn suite() -> Suite {
    let groups = [crash::tests()];
    Suite::new("scenario", groups.into_iter().flatten().collect())
}
