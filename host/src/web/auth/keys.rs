//! The keys that tokens are verified with: one HS256 secret, or the public keys of a JWK set (EdDSA, ES256, RS256). A
//! key fixes its algorithm: what a token's header says of `alg` only has to agree, so that no public key is ever taken
//! for an HMAC secret and `none` is nothing.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::AuthError;
use super::claims::{Claims, Payload};
use super::secret::{KeyError, Secret, read_key_file};

/// Bytes of a token at most; it comes in one header.
const MAX_TOKEN_BYTES: usize = 8_192;
/// Keys of a set at most: a token without `kid` is tried on each of its algorithm.
const MAX_KEYS: usize = 64;
/// Bytes of an RSA modulus at least: 2,048 bits (RFC 7518, section 3.3).
const MIN_RSA_BYTES: usize = 256;

/// A key, and the one algorithm that it is for.
struct Key {
    kid: Option<String>,
    algorithm: Algorithm,
    decoding: DecodingKey,
}

/// All keys that hold at one time.
pub struct Keys {
    keys: Vec<Key>,
    /// The secret, when that is what they are.
    pub(super) secret: Option<Secret>,
}

impl Keys {
    /// One HS256 secret.
    #[must_use]
    pub fn from_secret(secret: Secret) -> Self {
        let key = Key { kid: None, algorithm: Algorithm::HS256, decoding: secret.decoding_key() };
        Self { keys: vec![key], secret: Some(secret) }
    }

    /// No key at all: no token holds.
    pub(super) fn none() -> Self {
        Self { keys: Vec::new(), secret: None }
    }

    /// The public keys of a JWK set file. Keys for other uses and of other kinds are passed over (RFC 7517, section 5).
    ///
    /// # Errors
    /// The file cannot be read, is no JWK set, or has no usable key.
    pub fn read_set(path: &Path) -> Result<Self, KeyError> {
        let text = read_key_file(path)?;
        Self::from_set(&text).map_err(|why| KeyError::Set { path: path.to_owned(), why })
    }

    fn from_set(text: &[u8]) -> Result<Self, String> {
        let set: Value = serde_json::from_slice(text).map_err(|error| format!("not JSON: {error}"))?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or("there is no array `keys` in it")?;
        if listed.len() > MAX_KEYS {
            return Err(format!("{} keys, at most {MAX_KEYS} are taken", listed.len()));
        }
        let mut keys = Vec::new();
        let mut passed_over = Vec::new();
        for (index, value) in listed.iter().enumerate() {
            match usable(value) {
                Ok(key) => keys.push(key),
                Err(why) => passed_over.push(format!("key {index}: {why}")),
            }
        }
        if keys.is_empty() {
            return Err(format!("no public key for EdDSA, ES256 or RS256 ({})", passed_over.join("; ")));
        }
        for why in passed_over {
            tracing::warn!(why, "a key of the set is passed over");
        }
        Ok(Self { keys, secret: None })
    }

    /// The claims of a token that holds at `now` (Unix seconds).
    ///
    /// # Errors
    /// It does not hold; the error says why.
    pub fn verify(&self, token: &str, now: u64) -> Result<Claims, AuthError> {
        self.payload::<Payload>(token)?.into_claims(now)
    }

    /// A signed payload, whose signature holds; its times are not looked at.
    pub(in crate::web) fn payload<P: DeserializeOwned>(&self, token: &str) -> Result<P, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::TooLong(MAX_TOKEN_BYTES));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Malformed)?;
        // RFC 7515, section 4.1.11: what is critical and not understood makes the token invalid.
        if header.crit.is_some() {
            return Err(AuthError::Malformed);
        }
        let named = |key: &&Key| match (&header.kid, &key.kid) {
            (Some(wanted), Some(kid)) => wanted == kid,
            _ => true,
        };
        let mut outcome = Err(AuthError::NoKey);
        for key in self.keys.iter().filter(named).filter(|key| key.algorithm == header.alg) {
            let mut validation = Validation::new(key.algorithm);
            // Times are checked by `Payload::into_claims`, to the second.
            validation.required_spec_claims.clear();
            validation.validate_exp = false;
            validation.validate_nbf = false;
            validation.validate_aud = false;
            match jsonwebtoken::decode::<P>(token, &key.decoding, &validation) {
                Ok(data) => return Ok(data.claims),
                Err(error) => outcome = Err(AuthError::from_library(error.kind())),
            }
        }
        outcome
    }
}

/// A key of a set, or why it is passed over.
fn usable(value: &Value) -> Result<Key, String> {
    let mut value = value.clone();
    // The algorithm is the key's kind; `alg` may only agree with it. Taken out, since newer names (`Ed25519`, RFC 9864)
    // would make the library refuse the key.
    let said = value.as_object_mut().and_then(|fields| fields.remove("alg"));
    let jwk: Jwk = serde_json::from_value(value).map_err(|_| "not a key that is known here".to_owned())?;
    if matches!(&jwk.common.public_key_use, Some(other) if *other != PublicKeyUse::Signature) {
        return Err("not for signatures".to_owned());
    }
    let (algorithm, names): (_, &[&str]) = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, &["EdDSA", "Ed25519"])
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => (Algorithm::ES256, &["ES256"]),
        AlgorithmParameters::RSA(key) => {
            if URL_SAFE_NO_PAD.decode(&key.n).map_or(0, |n| n.len()) < MIN_RSA_BYTES {
                return Err("an RSA key of fewer than 2,048 bits".to_owned());
            }
            (Algorithm::RS256, &["RS256"])
        }
        _ => return Err("neither Ed25519, P-256 nor RSA".to_owned()),
    };
    if said.is_some_and(|said| !said.as_str().is_some_and(|said| names.contains(&said))) {
        return Err("its `alg` is none of EdDSA, ES256, RS256, or not that of its kind".to_owned());
    }
    let decoding = DecodingKey::from_jwk(&jwk).map_err(|error| error.to_string())?;
    Ok(Key { kid: jwk.common.key_id, algorithm, decoding })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    // Keys made for these tests alone.
    const ED_PRIVATE: &str = include_str!("keys/test_ed25519.pem");
    const EC_PRIVATE: &str = include_str!("keys/test_p256.pem");
    const RSA_PRIVATE: &str = include_str!("keys/test_rsa.pem");
    const SET: &str = include_str!("keys/test_set.json");

    fn set() -> Value {
        serde_json::from_str(SET).unwrap()
    }

    fn sign(algorithm: Algorithm, kid: Option<&str>, key: &EncodingKey) -> String {
        let mut header = Header::new(algorithm);
        header.kid = kid.map(str::to_owned);
        encode(&header, &json!({"exp": 2_000, "scope": "subscribe", "sub": "s"}), key).unwrap()
    }

    fn private(algorithm: Algorithm) -> EncodingKey {
        match algorithm {
            Algorithm::EdDSA => EncodingKey::from_ed_pem(ED_PRIVATE.as_bytes()).unwrap(),
            Algorithm::ES256 => EncodingKey::from_ec_pem(EC_PRIVATE.as_bytes()).unwrap(),
            _ => EncodingKey::from_rsa_pem(RSA_PRIVATE.as_bytes()).unwrap(),
        }
    }

    #[test]
    fn a_set_verifies_each_of_its_algorithms_by_kid_and_without() {
        let keys = Keys::from_set(SET.as_bytes()).unwrap();
        for (algorithm, kid) in [(Algorithm::EdDSA, "ed"), (Algorithm::ES256, "ec"), (Algorithm::RS256, "rsa")] {
            let key = private(algorithm);
            for kid in [Some(kid), None] {
                let claims = keys.verify(&sign(algorithm, kid, &key), 1_000).unwrap();
                assert_eq!(claims.subject.as_deref(), Some("s"));
            }
            assert_eq!(keys.verify(&sign(algorithm, Some("other"), &key), 1_000), Err(AuthError::NoKey));
            assert_eq!(keys.verify(&sign(algorithm, None, &key), 2_000), Err(AuthError::Expired));
        }
    }

    #[test]
    fn a_public_key_is_never_an_hmac_secret() {
        let keys = Keys::from_set(SET.as_bytes()).unwrap();
        let modulus = set()["keys"][2]["n"].as_str().unwrap().to_owned();
        for secret in [SET.as_bytes(), modulus.as_bytes(), RSA_PRIVATE.as_bytes()] {
            let forged = sign(Algorithm::HS256, None, &EncodingKey::from_secret(secret));
            assert_eq!(keys.verify(&forged, 1_000), Err(AuthError::NoKey));
        }
    }

    #[test]
    fn none_other_hashes_and_other_keys_are_refused() {
        let secret = Secret::random().unwrap();
        let keys = Keys::from_secret(secret.clone());
        let payload = URL_SAFE_NO_PAD.encode(br#"{"exp":2000,"scope":"admin"}"#);
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"None","typ":"JWT"}"#, r#"{"alg":""}"#, "{}"] {
            let token = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(keys.verify(&token, 1_000), Err(AuthError::Malformed), "{header}");
        }
        let other = Secret::random().unwrap().sign(&json!({"exp": 2_000})).unwrap();
        assert_eq!(keys.verify(&other, 1_000), Err(AuthError::Signature));
        assert_eq!(
            keys.verify(&sign(Algorithm::EdDSA, None, &private(Algorithm::EdDSA)), 1_000),
            Err(AuthError::NoKey)
        );
        let good = secret.sign(&json!({"exp": 2_000})).unwrap();
        assert!(keys.verify(&good, 1_000).is_ok());
        let (head, _) = good.rsplit_once('.').unwrap();
        assert_eq!(keys.verify(&format!("{head}."), 1_000), Err(AuthError::Signature));
        for junk in ["", ".", "..", "a.b.c", "a.b.c.d", " ", "\u{0}"] {
            assert_eq!(keys.verify(junk, 1_000), Err(AuthError::Malformed), "{junk:?}");
        }
        assert_eq!(keys.verify(&"a".repeat(9_000), 1_000), Err(AuthError::TooLong(8_192)));
    }

    #[test]
    fn a_critical_header_is_refused() {
        let secret = Secret::random().unwrap();
        let mut header = Header::new(Algorithm::HS256);
        header.crit = Some(vec!["exp".to_owned()]);
        let key = EncodingKey::from_secret(&[b'x'; 32]);
        let token = encode(&header, &json!({"exp": 2_000}), &key).unwrap();
        assert_eq!(Keys::from_secret(secret).verify(&token, 1_000), Err(AuthError::Malformed));
    }

    #[test]
    fn only_public_signing_keys_of_known_kinds_are_taken() {
        let with = |key: Value| Keys::from_set(json!({ "keys": [key] }).to_string().as_bytes());
        let listed = set()["keys"].clone();
        assert!(with(listed[0].clone()).is_ok());
        let mut named = listed[0].clone();
        named["alg"] = json!("Ed25519");
        assert!(with(named.clone()).is_ok());
        named["alg"] = json!("RS256");
        assert!(with(named).is_err());
        let mut encryption = listed[1].clone();
        encryption["use"] = json!("enc");
        assert!(with(encryption).is_err());
        let mut small = listed[2].clone();
        small["n"] = json!(URL_SAFE_NO_PAD.encode([0xff; 128]));
        assert!(with(small).is_err());
        assert!(with(json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([7; 32])})).is_err());
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[1]}"#] {
            assert!(Keys::from_set(text.as_bytes()).is_err(), "{text}");
        }
    }
}
