//! Certificates that the doubles make for themselves, and TLS without verification as Portainer
//! speaks it to its agents.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
};

use super::error::DoubleError;

/// A certificate and its key, as PEM.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) certificate_pem: String,
    pub(super) key_pem: String,
}

impl Identity {
    /// Self-signed, for these names and addresses.
    pub(super) fn self_signed(names: &[String]) -> Result<Self, DoubleError> {
        let wrong = |source: rcgen::Error| DoubleError::Certificate(source.to_string());
        let key = KeyPair::generate().map_err(wrong)?;
        let params = CertificateParams::new(names.to_vec()).map_err(wrong)?;
        let certificate = params.self_signed(&key).map_err(wrong)?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    pub(super) fn certificate_der(&self) -> Result<Vec<u8>, DoubleError> {
        let wrong = |source| DoubleError::Certificate(format!("{source:?}"));
        let der = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes()).map_err(wrong)?;
        Ok(der.to_vec())
    }

    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, DoubleError> {
        let wrong = |source| DoubleError::Certificate(format!("{source:?}"));
        let pem = self.certificate_pem.as_bytes();
        let chain = CertificateDer::pem_slice_iter(pem);
        let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(wrong)?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).map_err(wrong)?;
        let tls = |source: Error| DoubleError::Certificate(source.to_string());
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(tls)?;
        let config = builder.with_no_client_auth().with_single_cert(chain, key);
        Ok(TlsAcceptor::from(Arc::new(config.map_err(tls)?)))
    }
}

/// Takes any certificate, as `TLSSkipVerify` does.
pub(super) fn connector() -> Result<Arc<ClientConfig>, DoubleError> {
    let tls = |source: Error| DoubleError::Certificate(source.to_string());
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
