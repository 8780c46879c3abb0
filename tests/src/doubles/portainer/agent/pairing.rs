//! Who may speak to an agent: the signature of a server, pinned or proven by a shared secret.
//!
//! Like the real agent: without a secret the first signer's key is kept in memory until a restart;
//! with one, any key that signs the secret is taken. The algorithm is ECDSA over P-256 with SHA-256
//! (the real pair hashes with MD5 first), which only these two doubles see.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};

use crate::doubles::portainer::error::DoubleError;
use crate::doubles::portainer::random::hex;

/// Header names as the real pair uses them.
pub(in crate::doubles::portainer) const PUBLIC_KEY_HEADER: &str = "x-portaineragent-publickey";
pub(in crate::doubles::portainer) const SIGNATURE_HEADER: &str = "x-portaineragent-signature";
/// What is signed without a secret.
const MESSAGE: &str = "Portainer-App";

/// A server's key.
#[derive(Debug)]
pub(in crate::doubles::portainer) struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SigningKey {
    /// PKCS#8 bytes of a new key.
    pub(in crate::doubles::portainer) fn generate() -> Result<Vec<u8>, DoubleError> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let document = document.map_err(|error| DoubleError::Key(error.to_string()))?;
        Ok(document.as_ref().to_vec())
    }

    pub(in crate::doubles::portainer) fn of(pkcs8: &[u8]) -> Result<Self, DoubleError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random);
        let pair = pair.map_err(|error| DoubleError::Key(error.to_string()))?;
        Ok(Self { pair, random })
    }

    /// Public key and signature, as header values.
    pub(in crate::doubles::portainer) fn sign(
        &self,
        secret: Option<&str>,
    ) -> Result<(String, String), DoubleError> {
        let message = secret.unwrap_or(MESSAGE);
        let signature = self.pair.sign(&self.random, message.as_bytes());
        let signature = signature.map_err(|error| DoubleError::Key(error.to_string()))?;
        let public = hex(self.pair.public_key().as_ref());
        Ok((public, STANDARD.encode(signature.as_ref())))
    }
}

/// An agent's memory of its server.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    secret: Option<String>,
    pinned: Mutex<Option<String>>,
}

impl Pairing {
    pub(super) fn new(secret: Option<String>) -> Self {
        let pinned = Mutex::default();
        Self { secret, pinned }
    }

    /// Whether this signer may go on; pins the first.
    pub(super) fn accepts(&self, public_key: &str, signature: &str) -> bool {
        let message = self.secret.as_deref().unwrap_or(MESSAGE);
        if !is_signed(public_key, signature, message) {
            return false;
        }
        if self.secret.is_some() {
            return true;
        }
        let lock = self.pinned.lock();
        let mut pinned = lock.unwrap_or_else(std::sync::PoisonError::into_inner);
        pinned.get_or_insert_with(|| public_key.to_owned()) == public_key
    }
}

fn is_signed(public_key: &str, signature: &str, message: &str) -> bool {
    let (Some(key), Ok(signature)) = (unhex(public_key), STANDARD.decode(signature)) else {
        return false;
    };
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key);
    key.verify(message.as_bytes(), &signature).is_ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
