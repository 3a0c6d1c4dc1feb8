//! The port to documents that identity providers publish.

use async_trait::async_trait;

/// Longest document that is read, in bytes. Key sets of large providers have about 10 KB.
pub const LONGEST_DOCUMENT: usize = 256 * 1024;

/// Public documents over HTTPS.
#[async_trait]
pub trait Documents: Send + Sync {
    /// The text at `url`, which must be https. Redirects are not followed.
    ///
    /// # Errors
    /// [`DocumentError`].
    async fn get(&self, url: &str) -> Result<String, DocumentError>;
}

/// A document could not be read. The text is constant for a constant cause, as it ends up in a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The URL is not one that is read.
    #[error("the URL is not of the form https://host/path")]
    Url,
    /// No name, no connection, or no trust.
    #[error(
        "no connection that can be trusted to {0}; is it reachable from the operator, with a certificate its roots know?"
    )]
    Connect(String),
    /// No answer in time.
    #[error("{0} did not answer in time")]
    Timeout(String),
    /// The answer broke off.
    #[error("the answer of {0} broke off")]
    Broken(String),
    /// Another status than 200.
    #[error("{host} answered with status {status}; redirects are not followed")]
    Status {
        /// Host that was asked.
        host: String,
        /// HTTP status.
        status: u16,
    },
    /// Too long.
    #[error("the answer of {0} is longer than {max} KiB", max = LONGEST_DOCUMENT / 1024)]
    TooLong(String),
    /// No text.
    #[error("the answer of {0} is not text")]
    NotText(String),
}
