//! A certificate authority made at start and kept in memory: only its certificate is written, for clients to trust.
//!
//! Certificates carry what strict clients ask for (Python 3.13 checks key usage and both key identifiers).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Names every leaf is valid for.
const LOCAL_NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// Key or certificate generation failed; mostly a name that is no DNS name.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The certificate file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The TLS library refused the result.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// A certificate authority.
#[derive(Debug)]
pub struct Ca {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    path: PathBuf,
}

impl Ca {
    /// Makes an authority and writes its certificate to `dir/ca.pem`.
    pub fn generate(dir: &Path) -> Result<Self, CaError> {
        let mut params = params("AI Gateway local environment CA", Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let path = dir.join("ca.pem");
        fs::write(&path, certificate.pem()).map_err(|source| CaError::Write { path: path.clone(), source })?;
        Ok(Self { certificate: certificate.der().clone(), issuer: Issuer::new(params, key), path })
    }

    /// The file with the authority's certificate.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A server configuration with a new leaf for 127.0.0.1, localhost and `names` (a leading `*.` is allowed), which
    /// offers `alpn` in that order of preference.
    pub fn server_config(&self, names: &[String], alpn: &[&str]) -> Result<Arc<ServerConfig>, CaError> {
        let all = LOCAL_NAMES.iter().map(|name| (*name).to_owned()).chain(names.iter().cloned());
        let mut params = params("localhost", all.collect())?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &self.issuer)?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], private_key(&key))?;
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// A client configuration that trusts this authority and nothing else.
    pub fn client_config(&self, alpn: &[&str]) -> Result<Arc<ClientConfig>, CaError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

/// The one TLS provider of this workspace, named explicitly so that nothing depends on a process-wide default.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn private_key(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
}

fn params(common_name: &str, names: Vec<String>) -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let year = i32::from(Timestamp::now().to_zoned(TimeZone::UTC).year());
    params.not_before = date_time_ymd(year - 1, 1, 1);
    params.not_after = date_time_ymd(year + 2, 1, 1);
    Ok(params)
}
