//! Fakes of the two worlds the operator stands between: a Kubernetes apiserver and AWS; and of identity providers.
//!
//! Both are strict rather than convenient: what the real service refuses, they refuse, and suites that run against the
//! real one as well keep them honest. Both live in the process, keep time with tokio's clock (which tests pause), can
//! be copied at any moment, and ask an [`intercept::Intercept`] before every call, which is how tests inject errors and
//! kill the operator at a chosen write.

#![allow(clippy::result_large_err, reason = "a refusal carries a whole Status; it is rare, and never on a hot path")]

pub mod aws;
pub mod cpu;
pub mod intercept;
pub mod issuers;
pub mod kube;
