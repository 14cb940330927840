//! Rows of the table: families of payments, banks and shops.
//!
//! Always true: only rows, each once; what a row's columns mean is said in `shapes`.

use super::super::bytes::Alphabet::{Alnum, Base64, Hex, Name, Opaque, Url, Word};
use super::Check::Uuid;
use super::{Shape, checked, row, weak};

pub(super) static ROWS: &[Shape] = &[
    // Money.
    Shape { before: Some((Word, 8, 48)), ..weak("stripe_secret", "_secret_", Alnum, 20) },
    weak("secret_key", "sk_", Word, 24),
    weak("square_token", "EAAA", Url, 56),
    row("square_token", "sq0", Url, 26),
    row("ramp_id", "ramp_id_", Alnum, 40),
    row("paypal_token", "A21AA", Url, 60),
    row("polar_token", "polar_pat_", Alnum, 30),
    row("polar_token", "polar_oat_", Alnum, 30),
    row("ramp_secret", "ramp_sec_", Alnum, 40),
    row("alchemy_key", "alcht_", Alnum, 28),
    checked("robinhood_key", "rh-api-", Url, 36, 36, Uuid),
    row("shopify_token", "shprt_", Hex, 30),
    row("shopify_token", "shpua_", Hex, 30),
    row("stripe_key", "sk_live_", Alnum, 10),
    row("stripe_key", "sk_test_", Alnum, 10),
    row("stripe_key", "sk_prod_", Alnum, 10),
    row("stripe_key", "rk_live_", Alnum, 10),
    row("stripe_key", "rk_test_", Alnum, 10),
    row("stripe_key", "rk_prod_", Alnum, 10),
    row("stripe_webhook_secret", "whsec_", Base64, 24),
    row("square_token", "sq0atp-", Url, 20),
    row("square_token", "sq0csp-", Url, 20),
    row("square_token", "sq0idp-", Url, 20),
    weak("square_token", "EAAAE", Url, 50),
    weak("square_token", "EAAAl", Url, 50),
    row("paypal_token", "access_token$production$", Name, 16),
    row("paypal_token", "access_token$sandbox$", Name, 16),
    row("plaid_token", "access-sandbox-", Url, 30),
    row("plaid_token", "access-development-", Url, 30),
    row("plaid_token", "access-production-", Url, 30),
    row("flutterwave_key", "FLWSECK", Opaque, 12),
    weak("payment_token", "live_", Url, 30),
    row("secret_token", "secret-token:", Opaque, 20),
    row("mercury_token", "mercury_production_", Word, 20),
    row("mercury_token", "mercury_sandbox_", Word, 20),
    row("razorpay_key", "rzp_live_", Alnum, 14),
    row("razorpay_key", "rzp_test_", Alnum, 14),
    row("xendit_key", "xnd_", Word, 20),
    weak("adyen_key", "AQE", Opaque, 100),
    row("shippo_token", "shippo_live_", Hex, 30),
    row("shippo_token", "shippo_test_", Hex, 30),
    row("easypost_key", "EZAK", Alnum, 40),
    row("easypost_key", "EZTK", Alnum, 40),
    row("duffel_token", "duffel_test_", Opaque, 30),
    row("duffel_token", "duffel_live_", Opaque, 30),
    // Shops.
    row("shopify_token", "shpat_", Hex, 30),
    row("shopify_token", "shpca_", Hex, 30),
    row("shopify_token", "shppa_", Hex, 30),
    row("shopify_token", "shpss_", Hex, 30),
    row("shopify_token", "shptka_", Hex, 30),
];
