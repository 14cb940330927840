//! Rows of the table: families of this domain, Lightning, Nostr and Bitcoin, and of private keys without their armour.
//!
//! Always true: only rows, each once; what a row's columns mean is said in `shapes`.

use super::super::bytes::Alphabet::{Alnum, AlnumUpper, Base58, Base64, Bech32, Hex, HexLower, Opaque, Url};
use super::Check::Macaroon;
use super::{ANY, Shape, checked, exact, row, weak};

pub(super) static ROWS: &[Shape] = &[
    // This domain.
    exact("bip38_key", "6P", Base58, 56),
    row("macaroon", "0201036c6e64", Hex, 60),
    row("macaroon", "0201036C6E64", Hex, 60),
    checked("macaroon", "AgE", Opaque, 60, ANY, Macaroon),
    checked("macaroon", "AgI", Opaque, 60, ANY, Macaroon),
    checked("macaroon", "MDA", Opaque, 60, ANY, Macaroon),
    checked("macaroon", "0201", HexLower, 100, ANY, Macaroon),
    row("nostr_secret_key", "nsec1", Bech32, 50),
    row("nostr_secret_key", "ncryptsec1", Bech32, 100),
    row("nostr_secret_key", "NSEC1", AlnumUpper, 50),
    row("nostr_secret_key", "NCRYPTSEC1", AlnumUpper, 100),
    row("cashu_token", "cashuA", Opaque, 40),
    row("cashu_token", "cashuB", Opaque, 40),
    row("extended_private_key", "xprv", Alnum, 90),
    row("extended_private_key", "yprv", Alnum, 90),
    row("extended_private_key", "zprv", Alnum, 90),
    row("extended_private_key", "tprv", Alnum, 90),
    row("extended_private_key", "uprv", Alnum, 90),
    row("extended_private_key", "vprv", Alnum, 90),
    row("extended_private_key", "Yprv", Alnum, 90),
    row("extended_private_key", "Zprv", Alnum, 90),
    row("extended_private_key", "Uprv", Alnum, 90),
    row("extended_private_key", "Vprv", Alnum, 90),
    row("private_key", "MIIEvQIBADAN", Base64, 60),
    row("private_key", "MIIEvgIBADAN", Base64, 60),
    row("private_key", "MIIEvAIBADAN", Base64, 60),
    row("private_key", "MIIEuwIBADAN", Base64, 60),
    row("private_key", "MIIJQQIBADAN", Base64, 60),
    row("private_key", "MIIJQgIBADAN", Base64, 60),
    row("private_key", "MIIJQwIBADAN", Base64, 60),
    row("private_key", "MIIEowIBAAKCAQEA", Base64, 60),
    row("private_key", "MIIEpAIBAAKCAQEA", Base64, 60),
    row("private_key", "MIIEogIBAAKCAQEA", Base64, 60),
    row("private_key", "MIIEpQIBAAKCAQEA", Base64, 60),
    row("private_key", "MIICXAIBAAKBgQ", Base64, 60),
    row("private_key", "MIICXQIBAAKBgQ", Base64, 60),
    row("private_key", "MIICWwIBAAKBgQ", Base64, 60),
    row("private_key", "MHcCAQEEI", Base64, 60),
    row("private_key", "MIGHAgEAMBMGByqGSM49", Base64, 60),
    row("private_key", "MC4CAQAwBQYDK2VwBCIEI", Base64, 38),
    row("private_key", "b3BlbnNzaC1rZXktdjE", Base64, 60),
    // Tokens that carry their own claims, beside JWT, which a check finds.
    weak("paseto", "v1.local.", Url, 40),
    weak("paseto", "v1.public.", Url, 40),
    weak("paseto", "v2.local.", Url, 40),
    weak("paseto", "v2.public.", Url, 40),
    weak("paseto", "v3.local.", Url, 40),
    weak("paseto", "v3.public.", Url, 40),
    weak("paseto", "v4.local.", Url, 40),
    weak("paseto", "v4.public.", Url, 40),
    row("jwt", "ZXlKaGJHY2lPa", Base64, 60),
    row("jwt", "ZXlKMGVYQWlPa", Base64, 60),
    row("jwt", "ZXlKcmFXUWlPa", Base64, 60),
];
