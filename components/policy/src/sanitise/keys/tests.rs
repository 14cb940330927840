//! Names that say secret, names that only speak of one, and the gate that most never pass.

use super::*;

#[test]
fn names_of_secrets_in_every_style() {
    for name in [
        "password",
        "PASSWORD",
        "Password",
        "pass_word",
        "passWord",
        "user-password",
        "dbPassword",
        "DB_PASSWORD_PROD",
        "password2",
        "passwordConfirmation",
        "new_password",
        "old.password",
        "userpassword",
        "passwd",
        "pwd",
        "passphrase",
        "DB_PASS",
        "smtpPass",
        "secret",
        "client_secret",
        "clientSecret",
        "CLIENTSECRET",
        "secret_key",
        "SECRET_KEY_BASE",
        "aws_secret_access_key",
        "token",
        "access_token",
        "refreshToken",
        "X-Auth-Token",
        "x-amz-security-token",
        "GITHUB_TOKEN",
        "reset_password_token",
        "csrf_token",
        "_authToken",
        "token_value",
        "id_token",
        "api_key",
        "apiKey",
        "APIKey",
        "APIKEY",
        "x-api-key",
        "X-API-KEY",
        "openai_api_key",
        "STRIPE_KEY",
        "api-keys",
        "private_key",
        "privateKey",
        "ssh_private_key",
        "PRIV_KEY",
        "encryption_key",
        "authorization",
        "Authorization",
        "Proxy-Authorization",
        "cookie",
        "Set-Cookie",
        "credentials",
        "creds",
        "jwt",
        "mnemonic",
        "seed_phrase",
        "seedPhrase",
        "recovery_phrase",
        "macaroon",
        "admin_macaroon",
        "macaroonHex",
        "preimage",
        "payment_preimage",
        "cvv",
        "card_pin",
        "otp",
        "mfa_code",
        "ssn",
        "pаsswоrd",
        "pass\u{200b}word",
        "ｐａｓｓｗｏｒｄ",
        "пароль",
        "密码",
        "p4ssw0rd",
        "s3cret",
        "password_hash",
        "session_token",
        "accountKey",
        "SharedAccessKey",
        "basic_auth",
        "nsec",
        "nostr_key",
        "api_token",
        "passwords",
        "db.password",
        "spring.datasource.password",
        "$password",
        "--password",
        "tok\u{ad}en",
        "secretKey1",
    ] {
        assert!(matches!(classify(name), Key::Secret { .. }), "{name}: {:?}", classify(name));
    }
}

#[test]
fn names_that_only_speak_of_secrets() {
    for name in [
        "password_reset_requested",
        "token_count",
        "tokens_used",
        "author",
        "secretary",
        "key",
        "keyboard",
        "primary_key",
        "public_key",
        "auth_method",
        "has_password",
        "password_changed_at",
        "tokenizer",
        "token_type",
        "max_tokens",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "tokenCount",
        "secret_name",
        "password_policy",
        "password_length",
        "token_expires_at",
        "expires_in",
        "cache_key",
        "idempotency_key",
        "foreignKey",
        "partition_key",
        "sort_key",
        "s3_key",
        "next_page_token",
        "nextPageToken",
        "eos_token",
        "authored_by",
        "authority",
        "compass",
        "passenger",
        "bypass",
        "passed",
        "password_strength",
        "is_secret",
        "tokens_per_second",
        "time_to_first_token_ms",
        "publishable_key",
        "keys",
        "passport",
        "secretariat",
        "tokenized",
        "session_id",
        "sessionId",
        "signature",
        "token_symbol",
        "token_address",
        "key_id",
        "access_key_id",
        "cookie_consent",
        "api_key_id",
        "password_file",
        "monkey",
        "donkey",
        "turkey",
        "hotkey",
        "description",
        "api",
        "username",
        "gpio_pin",
        "pinned",
        "spinner",
        "opinion",
        "token_budget",
        "tokenUsage",
        "passes",
        "discount",
        "account",
        "secretName",
        "issue_key",
        "object_key",
        "pubkey",
        "publicKey",
        "ssh_public_key",
        "payment_hash",
        "code",
        "error_code",
        "status_code",
        "credential_id",
        "requires_token",
        "cookies_enabled",
        "auth_provider",
        "authenticated",
        "passing",
        "key_count",
    ] {
        assert_eq!(classify(name), Key::Plain, "{name}");
    }
}

/// Every name of one or two of the known words that says something is let through.
#[test]
fn the_gate_of_names_keeps_no_secret() {
    for first in words::STEMS.iter() {
        for second in words::STEMS.iter().chain([&""]) {
            for name in [format!("{first}_{second}"), format!("{second}{first}")] {
                let says = read(&Words::of(&name)) != Key::Plain;
                assert!(!says || may_speak(name.as_bytes()), "{name}");
            }
        }
    }
}

#[test]
fn names_that_leave_it_to_the_value() {
    for name in ["tokens", "pin", "pass", "auth", "seed", "token_slack", "reset_password"] {
        assert!(matches!(classify(name), Key::Maybe(_)), "{name}: {:?}", classify(name));
    }
}

#[test]
fn common_names_say_nothing_when_they_are_read_either() {
    for name in COMMON {
        assert!(may_speak(name.as_bytes()), "{name} needs no place here");
        assert_eq!(read(&Words::of(name)), Key::Plain, "{name}");
        assert_eq!(classify(&name.to_ascii_uppercase()), Key::Plain, "{name}");
    }
}
