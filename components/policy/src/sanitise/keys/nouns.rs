//! The nouns of names: what is a secret by itself, at the end of a glued word, in a phrase of two words, and what a `key` unlocks.
//!
//! Always true: a table says what a noun is called in `[redacted:<kind>]`, and nothing of what stands around it. How a name is read with
//! them is for `keys`. Every word that stands here for itself is in `words::STEMS` too.

use super::name::Words;

/// Nouns that are secrets by themselves.
pub(super) fn noun(word: &str) -> Option<&'static str> {
    Some(match word {
        "password" | "passwords" | "passwd" | "passwds" | "passwort" | "passwrd" | "pword" | "psswd" | "pwd"
        | "pwds" | "pw" | "psw" | "kennwort" | "senha" | "contrasena" | "motdepasse" | "wachtwoord" | "haslo"
        | "heslo" | "losenord" | "sifre" | "salasana" | "jelszo" | "lozinka" | "adgangskode" | "passord" | "parola"
        | "userpass" | "dbpass" | "rootpass" | "adminpass" | "smtppass" | "mypass" | "ftppass" | "mysqlpass"
        | "rootpw" | "adminpw" | "dbpw" | "bindpw" | "userpw" | "passphrase" | "passphrases" | "passcode"
        | "passcodes" => "password",
        "secret" | "secrets" | "authkey" | "secretkey" | "secretaccesskey" | "encryptionkey" | "signingkey"
        | "masterkey" | "sharedkey" | "sessionkey" | "accountkey" | "accesskey" | "sharedaccesskey"
        | "clientsecret" | "appsecret" => "secret",
        "token" | "tokens" | "authtoken" | "accesstoken" | "refreshtoken" | "idtoken" | "apitoken" | "sessiontoken"
        | "csrftoken" | "xsrftoken" | "usertoken" | "bottoken" | "jwttoken" | "oauthtoken" | "bearertoken"
        | "sastoken" | "securitytoken" | "samlresponse" | "identitytoken" | "registrytoken" => "token",
        "jwt" | "bearer" | "jwts" => "token",
        "apikey" | "apikeys" | "appkey" | "adminkey" | "inkey" | "invoicekey" => "api_key",
        "credential" | "credentials" | "creds" | "cred" => "credential",
        "authorization" | "authorisation" => "authorization",
        "cookie" | "cookies" | "phpsessid" | "jsessionid" => "cookie",
        "privatekey" | "privkey" | "seckey" | "privatekeys" | "nsec" | "xprv" | "xpriv" | "wif" | "sshkey" => {
            "private_key"
        }
        "mnemonic" | "mnemonics" | "seedphrase" | "seedwords" | "recoveryphrase" | "walletseed" | "masterseed" => {
            "mnemonic"
        }
        "macaroon" | "macaroons" => "macaroon",
        "preimage" | "preimages" => "preimage",
        "cvv" | "cvv2" | "cvc" | "cvc2" => "cvv",
        "psk" | "presharedkey" => "secret",
        "rpcauth" => "password",
        "otp" | "totp" | "backupcode" | "recoverycode" => "otp",
        "basicauth" | "httpauth" => "authorization",
        "dockerconfigjson" | "dockercfg" => "credential",
        "ssn" => "ssn",
        _ => return None,
    })
}

/// Nouns that are found at the end of a word written without a break (`dbpassword`), and so at its start (`passwordhash`).
pub(super) const GLUED: [(&str, &str); 25] = [
    ("masterkey", "secret"),
    ("accountkey", "secret"),
    ("sessionkey", "secret"),
    ("authkey", "secret"),
    ("adminkey", "api_key"),
    ("serverkey", "api_key"),
    ("preimage", "preimage"),
    ("cookie", "cookie"),
    ("creds", "credential"),
    ("password", "password"),
    ("passwd", "password"),
    ("passphrase", "password"),
    ("secret", "secret"),
    ("apikey", "api_key"),
    ("authtoken", "token"),
    ("accesstoken", "token"),
    ("refreshtoken", "token"),
    ("apitoken", "token"),
    ("secretkey", "secret"),
    ("accesskey", "secret"),
    ("privatekey", "private_key"),
    ("privkey", "private_key"),
    ("credentials", "credential"),
    ("macaroon", "macaroon"),
    ("mnemonic", "mnemonic"),
];

/// What a `key` unlocks, when the word before it says that it must not be known. Names of vendors are among them: `stripe_key`.
pub(super) fn key_of(word: &str) -> Option<&'static str> {
    Some(match word {
        "api" | "admin" | "function" | "functions" | "consumer" | "subscription" | "server" | "rapidapi"
        | "invoice" | "webhook" | "apns" | "fcm" | "gcm" => "api_key",
        "secret" | "access" | "auth" | "authentication" | "authorization" | "encryption" | "encrypt" | "decryption"
        | "decrypt" | "signing" | "sign" | "master" | "root" | "account" | "shared" | "session" | "service"
        | "symmetric" | "hmac" | "aes" | "deploy" | "storage" | "cipher" | "crypto" | "wallet" | "recovery"
        | "preshared" | "security" | "sse" | "client" | "fernet" | "cookie" | "unseal" | "crypt" | "jwt" => "secret",
        "private" | "priv" | "ssh" | "rsa" | "dsa" | "ecdsa" | "ed25519" | "ec" | "pgp" | "gpg" | "tls" | "ssl"
        | "pem" | "nostr" | "deployer" => "private_key",
        "aws" | "gcp" | "azure" | "google" | "gemini" | "openai" | "anthropic" | "claude" | "mistral" | "groq"
        | "cohere" | "pinecone" | "huggingface" | "replicate" | "stripe" | "twilio" | "sendgrid" | "mailgun"
        | "mailchimp" | "algolia" | "datadog" | "newrelic" | "cloudflare" | "fastly" | "heroku" | "slack"
        | "discord" | "telegram" | "firebase" | "supabase" | "segment" | "mixpanel" | "amplitude" | "honeycomb"
        | "grafana" | "sentry" | "pagerduty" | "okta" | "auth0" | "deepl" | "elevenlabs" | "lnbits" | "openrouter"
        | "perplexity" | "tavily" | "serpapi" | "etherscan" | "infura" | "alchemy" | "coinbase" | "binance"
        | "kraken" | "adafruit" | "adobe" | "airtable" | "alibaba" | "asana" | "beamer" | "bittrex" | "brevo"
        | "confluent" | "contentful" | "databricks" | "deepseek" | "digitalocean" | "dropbox" | "facebook"
        | "finicity" | "finnhub" | "fireworks" | "flickr" | "freshbooks" | "gocardless" | "hubspot" | "intercom"
        | "kucoin" | "mailjet" | "mapbox" | "meraki" | "messagebird" | "mux" | "netlify" | "openweather" | "paypal"
        | "plaid" | "planetscale" | "postmark" | "rapid" | "razorpay" | "resend" | "sendbird" | "sendinblue"
        | "shippo" | "shodan" | "shopify" | "snyk" | "square" | "sumologic" | "twitch" | "twitter" | "typeform"
        | "vercel" | "virustotal" | "xai" | "yandex" | "zendesk" => "api_key",
        _ => return None,
    })
}

/// Nouns of two or three words that end at `last`, and where they begin.
pub(super) fn phrase(words: &Words, last: usize) -> Option<(&'static str, usize)> {
    let first = last.checked_sub(1)?;
    let kind = match (words.get(first), words.get(last)) {
        ("pass", "wd" | "word" | "words" | "phrase" | "phrases" | "code") => "password",
        ("seed" | "recovery" | "mnemonic" | "backup", "phrase" | "phrases" | "words" | "seed" | "key" | "mnemonic") => {
            "mnemonic"
        }
        ("wallet" | "master" | "hd" | "aezeed" | "cipher", "seed") => "mnemonic",
        ("otp" | "totp" | "mfa", "seed") => "otp",
        ("snmp", "community") | ("key", "material") => "secret",
        ("private", "pem") => "private_key",
        ("ecash", "notes" | "note") => "ecash",
        (
            "security" | "mfa" | "otp" | "fa" | "authorization" | "auth" | "recovery" | "backup" | "pin" | "totp"
            | "passwordless",
            "code" | "codes",
        ) => "otp",
        ("time", "code" | "pin" | "passcode") if first > 0 && words.get(first - 1) == "one" => "otp",
        ("verification" | "login" | "sms" | "signin", "code") => "otp",
        ("factor", "code") => "otp",
        ("security" | "secret", "answer") => "secret",
        ("sonar", "login") | ("bearer", "auth") | ("saml", "response" | "assertion") => "token",
        ("nostr" | "wallet" | "hex" | "signer", "sk") => "private_key",
        ("code", "verifier") => "secret",
        ("set", "cookie" | "cookies") => "cookie",
        ("basic" | "http", "auth") => "authorization",
        ("priv", "key" | "keys") => "private_key",
        ("social", "security") => "ssn",
        ("de", "passe") if first > 0 && words.get(first - 1) == "mot" => "password",
        (
            "user" | "card" | "debit" | "credit" | "atm" | "sim" | "security" | "account" | "wallet" | "device"
            | "login" | "access" | "new" | "old" | "current" | "lock" | "screen" | "door" | "parental" | "bank"
            | "secret",
            "pin",
        ) => "pin",
        (
            "db" | "database" | "smtp" | "user" | "admin" | "ftp" | "sftp" | "mysql" | "redis" | "root" | "sudo"
            | "wifi" | "vpn" | "ssh" | "proxy" | "auth" | "login" | "http" | "mail" | "email" | "imap" | "ldap"
            | "postgres" | "pg" | "rabbitmq" | "mongo" | "mongodb" | "sql" | "app" | "my" | "master" | "keystore"
            | "truststore" | "key" | "web" | "api" | "service" | "account" | "mqtt" | "amqp" | "wp" | "cert" | "pfx"
            | "jdbc" | "rpc" | "bitcoin" | "wallet" | "new" | "old" | "bind" | "become" | "store" | "require",
            "pass",
        ) => "password",
        _ => return None,
    };
    Some((kind, first))
}
