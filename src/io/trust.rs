//! Whom a connection trusts: the machine's certificate authorities, or the ones in a file of the config's and then nobody else.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("the CA file {} cannot be read: {why}; name a PEM file with the certificate of your own CA", path.display())]
    CaFile { path: PathBuf, why: String },
    #[error("the machine trusts no certificate authority; install ca-certificates, or name a ca_file in the config")]
    NoRoots,
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// The authorities, each as its certificate.
///
/// # Errors
/// The file cannot be used, or there is nobody to trust.
pub fn authorities(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let Some(path) = ca_file else {
        let found = rustls_native_certs::load_native_certs().certs;
        return if found.is_empty() { Err(TrustError::NoRoots) } else { Ok(found) };
    };
    let failed = |why: String| TrustError::CaFile { path: path.to_owned(), why };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|why| failed(why.to_string()))?;
    let found = certificates.collect::<Result<Vec<_>, _>>().map_err(|why| failed(why.to_string()))?;
    if found.is_empty() {
        return Err(failed("it holds no certificate".to_owned()));
    }
    Ok(found)
}

/// TLS for a client that shows no certificate of its own.
///
/// # Errors
/// As [`authorities`].
pub fn client(ca_file: Option<&Path>) -> Result<ClientConfig, TrustError> {
    let mut roots = RootCertStore::empty();
    let found = authorities(ca_file)?;
    match ca_file {
        Some(path) => {
            for certificate in found {
                let failed = |why: rustls::Error| TrustError::CaFile { path: path.to_owned(), why: why.to_string() };
                roots.add(certificate).map_err(failed)?;
            }
        }
        // Some machines have one that is odd.
        None => drop(roots.add_parsable_certificates(found)),
    }
    if roots.is_empty() {
        return Err(TrustError::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| TrustError::Tls(why.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// An error with its causes: the outermost alone says "error sending request".
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let words = source.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = source.source();
    }
    text
}
