//! The adapters: the ports of [`aigw_cloud`] over the AWS SDK.
//!
//! An adapter translates, nothing else: a port's call becomes SDK calls, an SDK error becomes a
//! [`aigw_cloud::CloudError`] with a class. Every SDK call passes through `service::Service::call`, so that limiter,
//! metrics, log line and error class cannot be forgotten; API Gateway's clients carry an [`aigw_cloud::Limiter`] besides.

mod account;
mod api_keys;
mod caller;
mod capacity;
mod clouds;
mod domains;
mod estate;
mod function_metrics;
mod functions;
mod imported;
mod items;
mod log_groups;
mod pages;
mod patch;
mod rest_apis;
mod roles;
mod service;
mod signed_json;
mod tables;
mod tags;
mod usage_plans;

#[cfg(test)]
mod keys_tests;
#[cfg(test)]
mod testing;

pub use aigw_cloud::{Call, NoObserver, Observer};
pub use clouds::{AwsClouds, Settings};
