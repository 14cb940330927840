//! Tokens as any holder of the secret would mint them.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

/// What the secret file of a server under test holds.
pub const SECRET: &str = "the-secret-of-the-tests-is-longer-than-32-bytes";

/// Seconds since the Unix epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Signs any claims with any secret, by HS256.
pub fn sign(claims: &Value, secret: &str) -> String {
    encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes())).expect("claims can be signed")
}

/// A token of these scopes, good for an hour.
pub fn scoped(scope: &str) -> String {
    sign(&json!({"sub": "tester", "scope": scope, "exp": now() + 3600}), SECRET)
}

/// A subscriber's token that ends `seconds` from now.
pub fn ending_in(seconds: u64) -> String {
    sign(&json!({"sub": "tester", "scope": "publish subscribe", "exp": now() + seconds}), SECRET)
}

/// A subscriber's token that sees these types alone.
pub fn seeing(types: &[&str]) -> String {
    sign(&json!({"sub": "tester", "scope": "subscribe", "types": types, "exp": now() + 3600}), SECRET)
}
