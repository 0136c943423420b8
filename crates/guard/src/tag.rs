//! Opaque public names of subnets.

use alloy_primitives::{B128, B256};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::Subnet;

/// Computes subnet tags: the first 16 bytes of HMAC-SHA256 over the subnet's canonical bytes.
///
/// Without the secret nobody can find the subnet of a tag, although there are only 2^24 IPv4 subnets. The secret's SHA-256
/// is published, so that the secret cannot be replaced unnoticed, and anyone who is given the secret can verify tags.
#[derive(Clone)]
pub struct SubnetTagger {
    secret: [u8; 32],
    keyed: Hmac<Sha256>,
}

impl SubnetTagger {
    /// Creates a tagger with a given secret.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        // HMAC pads a key with zeros to the block size of its hash.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&secret);
        let keyed = Hmac::new(&block.into());
        Self { secret, keyed }
    }

    /// The subnet's tag.
    #[must_use]
    pub fn tag(&self, subnet: Subnet) -> B128 {
        let mut keyed = self.keyed.clone();
        keyed.update(&subnet.to_bytes());
        B128::from_slice(&keyed.finalize().into_bytes()[..16])
    }

    /// SHA-256 of the secret, for publication.
    #[must_use]
    pub fn commitment(&self) -> B256 {
        B256::new(Sha256::digest(self.secret).into())
    }
}

/// Does not show the secret.
impl std::fmt::Debug for SubnetTagger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SubnetTagger").field(&self.commitment()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(tagger: &SubnetTagger, address: &str) -> B128 {
        tagger.tag(Subnet::of(address.parse().unwrap()))
    }

    #[test]
    fn a_tag_is_the_start_of_an_hmac() {
        // printf '\x04\x0a\x14\x1e' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…01
        let tagger = SubnetTagger::new([1; 32]);
        assert_eq!(
            format!("{:x}", tag(&tagger, "10.20.30.40")),
            "47580629b71d07d4ab1411f9c578692e"
        );
        // printf '\x06\x20\x01\x0d\xb8\x00\x07' | openssl …
        assert_eq!(
            format!("{:x}", tag(&tagger, "2001:db8:7::9")),
            "f62d24fcc4a83b84a3a59773a9f7fb43"
        );
        // printf '\x01…\x01' | sha256sum
        assert_eq!(
            format!("{:x}", tagger.commitment()),
            "72cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363793"
        );
    }

    #[test]
    fn the_secret_decides_and_is_not_shown() {
        let tagger = SubnetTagger::new([1; 32]);
        assert_eq!(tag(&tagger, "10.20.30.1"), tag(&tagger, "10.20.30.2"));
        assert_ne!(tag(&tagger, "10.20.30.1"), tag(&tagger, "10.20.99.1"));
        assert_ne!(
            tag(&tagger, "10.20.30.1"),
            tag(&SubnetTagger::new([2; 32]), "10.20.30.1")
        );
        assert!(!format!("{tagger:?}").contains("0101"), "{tagger:?}");
    }
}
