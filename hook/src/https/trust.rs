//! Which certificate is believed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use phoenix_common::digest::sha256_hex;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::HttpsError;

/// What the operator knows of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Its very certificate, whatever name and dates stand in it.
    Pinned(Fingerprint),
    /// Certificates of authorities (PEM); name and dates are checked.
    Authority(Vec<u8>),
    /// None: the operator declared that this server is spoken to without TLS.
    PlainHttp,
}

/// SHA-256 over a certificate, as `openssl x509 -fingerprint -sha256` and Proxmox's web interface show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

#[derive(Debug, thiserror::Error)]
#[error(
    "a fingerprint is a SHA-256: 32 bytes in hexadecimal, with or without colons (AA:BB:CC:...)"
)]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits = text.replace(':', "").to_ascii_lowercase();
        let right = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        right.then_some(Self(digits)).ok_or(FingerprintError)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Fingerprint {
    /// Of the first certificate of a PEM file; `None` without one.
    pub fn of_pem(pem: &str) -> Option<Self> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        Some(Self(sha256_hex(&certificate)))
    }

    fn is_of(&self, certificate: &CertificateDer<'_>) -> bool {
        sha256_hex(certificate) == self.0
    }
}

impl Trust {
    pub(super) fn tls_config(&self) -> Result<ClientConfig, HttpsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|source| HttpsError::Tls { source })?;
        Ok(match self {
            Self::Pinned(fingerprint) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Pinned {
                    fingerprint: fingerprint.clone(),
                    provider,
                }))
                .with_no_client_auth(),
            Self::Authority(pem) => builder
                .with_root_certificates(roots(pem)?)
                .with_no_client_auth(),
            // Never asked: believes nobody.
            Self::PlainHttp => builder
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth(),
        })
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, HttpsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|source| HttpsError::Authority { source })?;
        roots
            .add(certificate)
            .map_err(|source| HttpsError::Tls { source })?;
    }
    if roots.is_empty() {
        return Err(HttpsError::NoAuthority);
    }
    Ok(roots)
}

/// Believes one certificate; that the server has its key is still proved by the handshake's signature.
#[derive(Debug)]
struct Pinned {
    fingerprint: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.fingerprint.is_of(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General(format!(
            "the server's certificate has the fingerprint {}, another one than configured",
            sha256_hex(end_entity)
        )))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_openssl_and_proxmox_write_them() {
        let plain = "ab".repeat(32);
        let with_colons = vec!["AB"; 32].join(":");
        let read = |text: &str| Fingerprint::from_str(text);
        assert_eq!(read(&plain).unwrap(), read(&with_colons).unwrap());
        assert!(read("ab").is_err() && read(&"zz".repeat(32)).is_err());
        assert!(Trust::Pinned(read(&plain).unwrap()).tls_config().is_ok());
    }

    #[test]
    fn a_file_without_certificates_is_no_authority() {
        let trust = Trust::Authority(b"nothing".to_vec());
        assert!(matches!(trust.tls_config(), Err(HttpsError::NoAuthority)));
    }
}
