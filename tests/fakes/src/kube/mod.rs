//! A strict Kubernetes apiserver.
