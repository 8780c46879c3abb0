//! Why there is no answer.

#[derive(Debug, thiserror::Error)]
pub enum HttpsError {
    #[error("the certificates of the authority")]
    Authority {
        source: rustls::pki_types::pem::Error,
    },
    #[error("the file of the authority holds no certificate")]
    NoAuthority,
    #[error("TLS")]
    Tls { source: rustls::Error },
    #[error("the HTTPS client")]
    Client { source: reqwest::Error },
    #[error("cannot connect")]
    Connect { source: reqwest::Error },
    #[error("the connection broke off")]
    Broken { source: reqwest::Error },
    #[error("no answer within {seconds} s")]
    Deadline { seconds: u64 },
    #[error("the answer is longer than {limit_bytes} bytes")]
    TooLong { limit_bytes: usize },
}

impl HttpsError {
    pub(super) fn of(source: reqwest::Error) -> Self {
        if source.is_connect() {
            Self::Connect { source }
        } else {
            Self::Broken { source }
        }
    }

    /// Nothing has reached the server: asking again cannot do anything twice.
    pub fn never_arrived(&self) -> bool {
        matches!(self, Self::Connect { .. })
    }

    /// Whether the same question may get an answer later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Broken { .. } => !self.is_certificate(),
            Self::Deadline { .. } => true,
            _ => false,
        }
    }

    /// The server is another one than the operator named.
    fn is_certificate(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if error.downcast_ref::<rustls::Error>().is_some_and(|error| {
                matches!(
                    error,
                    rustls::Error::InvalidCertificate(_) | rustls::Error::General(_)
                )
            }) {
                return true;
            }
            // An I/O error gives its inner error's source as its own, and hides the inner error.
            let inner = error
                .downcast_ref::<std::io::Error>()
                .and_then(std::io::Error::get_ref);
            cause = match inner {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        false
    }
}
