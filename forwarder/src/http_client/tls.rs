//! TLS towards AWS: ring, Mozilla's roots compiled in, and whatever `AIGW_CA_FILE` adds.
//!
//! Roots are compiled in because reading the system's at start costs more CPU than the rest of the init phase.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The TLS configuration cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of further authorities cannot be used.
    #[error("certificate authorities in {file} cannot be read")]
    Authorities {
        /// Path of the file.
        file: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// rustls refused the configuration.
    #[error("TLS set-up failed")]
    Setup(#[from] rustls::Error),
}

/// Client configuration that trusts the public roots and those in `extra`, a PEM file.
///
/// # Errors
/// [`TlsError`] where the file cannot be read, is not PEM, or holds no usable certificate.
pub fn client_config(extra: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = extra {
        add_authorities(&mut roots, file)
            .map_err(|source| TlsError::Authorities { file: file.display().to_string(), source })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn add_authorities(roots: &mut RootCertStore, file: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut added = 0;
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
        added += 1;
    }
    if added == 0 { Err("the file holds no certificate".into()) } else { Ok(()) }
}
