//! Signatures: a JSON Web Key fits one algorithm or it does not, and `ring` does the rest.
//!
//! The key decides what an algorithm may do, never the other way round: type, curve, use and the algorithm a key names
//! must all agree with the token's, so no key is used for what it was not made for.

use aigw_contract::issuer::Algorithm;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::{Map, Value};

use super::Refused;

type Jwk = Map<String, Value>;

const UNFIT: Refused = Refused::Invalid("the named key is not one for this algorithm");

/// Checks `signature` over `message`.
pub(super) fn verify(algorithm: Algorithm, key: &Jwk, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
    if !serves(algorithm, key) {
        return Err(UNFIT);
    }
    // RSA below 2048 bits is refused by these parameters.
    match algorithm {
        Algorithm::RS256 => rsa(&signature::RSA_PKCS1_2048_8192_SHA256, key, message, signature),
        Algorithm::RS384 => rsa(&signature::RSA_PKCS1_2048_8192_SHA384, key, message, signature),
        Algorithm::RS512 => rsa(&signature::RSA_PKCS1_2048_8192_SHA512, key, message, signature),
        Algorithm::PS256 => rsa(&signature::RSA_PSS_2048_8192_SHA256, key, message, signature),
        Algorithm::PS384 => rsa(&signature::RSA_PSS_2048_8192_SHA384, key, message, signature),
        Algorithm::PS512 => rsa(&signature::RSA_PSS_2048_8192_SHA512, key, message, signature),
        Algorithm::ES256 => curve(&signature::ECDSA_P256_SHA256_FIXED, ("P-256", 32), key, message, signature),
        Algorithm::ES384 => curve(&signature::ECDSA_P384_SHA384_FIXED, ("P-384", 48), key, message, signature),
        Algorithm::EdDSA => edwards(key, message, signature),
        Algorithm::Unknown => Err(UNFIT),
    }
}

/// Whether what the key says of itself allows this use.
fn serves(algorithm: Algorithm, key: &Jwk) -> bool {
    let absent_or = |name: &str, wanted: &str| key.get(name).is_none_or(|value| value == wanted);
    let operations = key
        .get("key_ops")
        .is_none_or(|list| list.as_array().is_some_and(|list| list.iter().any(|one| one == "verify")));
    absent_or("use", "sig") && absent_or("alg", algorithm.name()) && operations
}

fn rsa(parameters: &RsaParameters, key: &Jwk, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
    is(key, "kty", "RSA")?;
    let number = |name| {
        let mut bytes = member(key, name)?;
        // Some issuers write a sign byte that ring does not take.
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes.drain(..zeros);
        Ok(bytes)
    };
    let components = RsaPublicKeyComponents { n: number("n")?, e: number("e")? };
    components.verify(parameters, message, signature).map_err(|_| wrong())
}

fn curve(
    verification: &'static dyn VerificationAlgorithm,
    (name, size): (&str, usize),
    key: &Jwk,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Refused> {
    is(key, "kty", "EC")?;
    is(key, "crv", name)?;
    // SEC 1, uncompressed.
    let mut point = vec![4];
    for coordinate in ["x", "y"] {
        point.extend(member(key, coordinate)?);
    }
    if point.len() != 1 + 2 * size {
        return Err(UNFIT);
    }
    UnparsedPublicKey::new(verification, point).verify(message, signature).map_err(|_| wrong())
}

fn edwards(key: &Jwk, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
    is(key, "kty", "OKP")?;
    is(key, "crv", "Ed25519")?;
    UnparsedPublicKey::new(&signature::ED25519, member(key, "x")?).verify(message, signature).map_err(|_| wrong())
}

fn wrong() -> Refused {
    Refused::Invalid("the signature is wrong")
}

fn is(key: &Jwk, name: &str, wanted: &str) -> Result<(), Refused> {
    if key.get(name).is_some_and(|value| value == wanted) { Ok(()) } else { Err(UNFIT) }
}

fn member(key: &Jwk, name: &str) -> Result<Vec<u8>, Refused> {
    let text = key.get(name).and_then(Value::as_str).ok_or(UNFIT)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| UNFIT)
}

#[cfg(test)]
#[path = "wycheproof_tests.rs"]
mod tests;
