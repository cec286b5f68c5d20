//! The certificate that QUIC cannot do without.

use std::{fmt, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    version::TLS13,
};
use web_transport_quinn::{
    ALPN,
    quinn::crypto::rustls::{NoInitialCipherSuite, QuicServerConfig},
};

/// A certificate with its chain and its key.
///
/// Browsers trust it as they do for HTTPS. For development there is another way: a page may name the SHA-256 hash of a
/// certificate (`serverCertificateHashes`) that uses ECDSA and is valid for less than two weeks.
#[derive(Clone)]
pub struct Certificate(Arc<QuicServerConfig>);

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key must not be printed.
        f.write_str("Certificate")
    }
}

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct CertificateError(Fault);

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("wanted certificates in PEM: {0}")]
    Chain(pem::Error),
    #[error("wanted a private key in PEM: {0}")]
    Key(pem::Error),
    #[error("wanted a private key in DER (PKCS #8, PKCS #1 or SEC 1): {0}")]
    KeyForm(&'static str),
    #[error("wanted a certificate and its key: {0}")]
    Pair(rustls::Error),
    #[error("wanted TLS for QUIC: {0}")]
    Quic(NoInitialCipherSuite),
}

impl Certificate {
    /// Reads a certificate, those that vouch for it, and its key, from the contents of PEM files.
    ///
    /// # Errors
    /// They cannot be read, or the key is not that of the certificate.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|error| CertificateError(Fault::Chain(error)))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| CertificateError(Fault::Key(error)))?;
        Self::new(chain, key)
    }

    /// Takes a certificate, those that vouch for it, and its key, in DER.
    ///
    /// # Errors
    /// They cannot be read, or the key is not that of the certificate.
    pub fn from_der(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, CertificateError> {
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::try_from(key).map_err(|error| CertificateError(Fault::KeyForm(error)))?;
        Self::new(chain, key)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CertificateError> {
        let fail = |error| CertificateError(Fault::Pair(error));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(fail)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(fail)?;
        config.alpn_protocols = vec![ALPN.into()];
        let config =
            QuicServerConfig::try_from(config).map_err(|error| CertificateError(Fault::Quic(error)))?;
        Ok(Self(Arc::new(config)))
    }

    /// What a handshake of QUIC needs to know.
    pub(super) fn quic(&self) -> Arc<QuicServerConfig> {
        Arc::clone(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};

    use super::*;

    fn self_signed() -> CertifiedKey<KeyPair> {
        generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    #[test]
    fn a_certificate_is_read_from_pem_and_from_der() {
        let CertifiedKey { cert, signing_key } = self_signed();
        let pem = Certificate::from_pem(cert.pem().as_bytes(), signing_key.serialize_pem().as_bytes());
        assert_eq!(format!("{:?}", pem.unwrap()), "Certificate");
        assert!(Certificate::from_der(vec![cert.der().to_vec()], signing_key.serialize_der()).is_ok());
    }

    #[test]
    fn what_does_not_fit_together_is_refused_with_the_reason() {
        let (CertifiedKey { cert, signing_key: key }, other) = (self_signed(), self_signed().signing_key);
        let chain = || vec![cert.der().to_vec()];
        for (result, wanted) in [
            (Certificate::from_der(chain(), other.serialize_der()), "wanted a certificate and its key"),
            (Certificate::from_der(vec![], key.serialize_der()), "wanted a certificate and its key"),
            (Certificate::from_der(chain(), vec![1]), "wanted a private key in DER"),
            (Certificate::from_pem(b"", key.serialize_pem().as_bytes()), "wanted a certificate and its key"),
            (Certificate::from_pem(cert.pem().as_bytes(), b""), "wanted a private key in PEM"),
        ] {
            let reason = result.unwrap_err().to_string();
            assert!(reason.starts_with(wanted), "{reason}");
        }
    }
}
