//! Keys in AWS KMS.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use alloy_primitives::{Address, B256, Signature};
use alloy_signer::Signer as _;
use alloy_signer_aws::aws_sdk_kms::config::ProvideCredentials;
use alloy_signer_aws::aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use alloy_signer_aws::{AwsSigner, AwsSignerError, aws_sdk_kms};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use url::Url;

use crate::error::{KmsTrouble, SignerError};

/// Timeout of one request, and of all attempts.
const ATTEMPT: Duration = Duration::from_secs(10);
const OPERATION: Duration = Duration::from_secs(30);

/// A key that never leaves AWS KMS.
#[derive(Clone)]
pub(crate) struct KmsKey {
    key: String,
    place: String,
    signer: AwsSigner,
}

impl KmsKey {
    pub(crate) async fn open(key: &str) -> Result<Self, SignerError> {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
        if let Some(region) = region_of(key) {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let config = loader.load().await;
        let place = place_of(&config);
        let refuse = |trouble| SignerError::AwsKms {
            key: key.into(),
            place: place.clone(),
            trouble,
        };
        if config.region().is_none() {
            return Err(refuse(KmsTrouble::NoRegion));
        }
        // The SDK would report it too, but with an obscure message.
        match config.credentials_provider() {
            Some(provider) => drop(
                provider
                    .provide_credentials()
                    .await
                    .map_err(|error| refuse(KmsTrouble::NoCredentials(of_credentials(&error))))?,
            ),
            None => return Err(refuse(KmsTrouble::NoCredentials("none are configured".into()))),
        }
        let signer = AwsSigner::new(aws_sdk_kms::Client::new(&config), key.into(), None)
            .await
            .map_err(|error| refuse(of_signer(&error)))?;
        Ok(Self {
            key: key.into(),
            place,
            signer,
        })
    }

    pub(crate) fn address(&self) -> Address {
        self.signer.address()
    }

    pub(crate) async fn sign_digest(&self, digest: &B256) -> Result<Signature, SignerError> {
        self.signer.sign_hash(digest).await.map_err(|error| {
            let trouble = match &error {
                alloy_signer::Error::Other(other) => match other.downcast_ref() {
                    Some(error) => of_signer(error),
                    None => KmsTrouble::Other(other.to_string()),
                },
                error => KmsTrouble::Other(error.to_string()),
            };
            SignerError::AwsKms {
                key: self.key.clone(),
                place: self.place.clone(),
                trouble,
            }
        })
    }
}

impl fmt::Display for KmsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AWS KMS (key {}, {})", self.key, self.place)
    }
}

/// The region in a key's ARN, which overrides the environment: arn:aws:kms:REGION:ACCOUNT:key/ID.
fn region_of(key: &str) -> Option<&str> {
    let mut parts = key.split(':');
    let is_arn = parts.next() == Some("arn") && parts.nth(1) == Some("kms");
    parts.next().filter(|region| is_arn && !region.is_empty())
}

fn place_of(config: &SdkConfig) -> String {
    let region = config.region().map_or("no region", Region::as_ref);
    match config.endpoint_url() {
        None => region.to_owned(),
        // Scheme, host and port only: the rest may contain a secret.
        Some(url) => match Url::parse(url) {
            Ok(url) => format!("{region}, {}", url.origin().ascii_serialization()),
            Err(_) => format!("{region}, AWS_ENDPOINT_URL is not a valid URL"),
        },
    }
}

fn of_signer(error: &AwsSignerError) -> KmsTrouble {
    match error {
        AwsSignerError::Sign(error) => of_service(error),
        AwsSignerError::GetPublicKey(error) => of_service(error),
        AwsSignerError::K256(_) | AwsSignerError::Spki(_) => {
            KmsTrouble::WrongKind("its public key is of another curve".into())
        }
        AwsSignerError::SignatureRecoveryFailed => {
            KmsTrouble::Other("it signed with another key than before; use an id or ARN, not an alias".into())
        }
        AwsSignerError::PublicKeyNotFound | AwsSignerError::SignatureNotFound => {
            KmsTrouble::Unreachable("the server is not KMS".into())
        }
        other => KmsTrouble::Other(other.to_string()),
    }
}

fn of_service<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> KmsTrouble {
    let response = error.raw_response().map(|response| response.status().as_u16());
    let SdkError::ServiceError(service) = error else {
        return match (response, error) {
            (Some(status), _) => KmsTrouble::Unreachable(format!("the server (HTTP {status}) is not KMS")),
            (None, SdkError::ConstructionFailure(_)) => KmsTrouble::Other(innermost(error)),
            (None, _) => KmsTrouble::Unreachable(innermost(error)),
        };
    };
    let (code, message) = (service.err().code(), service.err().message());
    let said = match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => {
            return KmsTrouble::Unreachable(format!(
                "the server (HTTP {}) is not KMS",
                response.unwrap_or_default()
            ));
        }
    };
    match code.unwrap_or_default() {
        "NotFoundException" | "InvalidArnException" | "ValidationException" => KmsTrouble::Unknown(said),
        "DisabledException" => KmsTrouble::Disabled(said),
        "KMSInvalidStateException" | "KeyUnavailableException" => KmsTrouble::BadState(said),
        "InvalidKeyUsageException" | "UnsupportedOperationException" => KmsTrouble::WrongKind(said),
        "AccessDeniedException" | "AccessDenied" => KmsTrouble::Denied(said),
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => KmsTrouble::BadCredentials(said),
        "ThrottlingException"
        | "LimitExceededException"
        | "DependencyTimeoutException"
        | "KMSInternalException"
        | "InternalFailure"
        | "ServiceUnavailable" => KmsTrouble::Busy(said),
        _ => KmsTrouble::Other(said),
    }
}

/// Omits the list of all sources that the SDK has tried.
fn of_credentials(error: &dyn Error) -> String {
    let text = innermost(error);
    match text.split_once(". Attempted:") {
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

/// The SDK nests its errors; the innermost one has the reason.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::region_of;

    #[test]
    fn an_arn_determines_the_region() {
        assert_eq!(
            region_of("arn:aws:kms:eu-central-1:111122223333:key/1234"),
            Some("eu-central-1")
        );
        assert_eq!(
            region_of("arn:aws-cn:kms:cn-north-1:1:alias/assize"),
            Some("cn-north-1")
        );
        for other in [
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/assize",
            "arn:aws:s3:::bucket",
            "arn:aws:kms::",
            "",
        ] {
            assert_eq!(region_of(other), None, "{other}");
        }
    }
}
