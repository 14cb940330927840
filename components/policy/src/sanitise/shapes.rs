//! The table of families whose secrets can be told by their own text: one row a family.
//!
//! Always true: a row is data. It names an anchor that no ordinary text has, the alphabet and the length of what follows it, and
//! what else must hold. Rows are found by one automaton over all anchors; how a row is matched is in `scan`. Families without an
//! anchor (cards, seed phrases, WIF) are in `special`, those told by what stands around them in `context`.
//!
//! Lengths are those that issuers give out today, with room below: what is much shorter is an example or a cut-off display.
//! A distinctive anchor is evidence enough, so that a token whose check sum was mistyped goes too; checks decide where the anchor is weak.

use super::bytes::Alphabet::{
    self, Alnum, AlnumLower, AlnumUpper, Base64, Bech32, Digit, Hex, HexLower, Name, Opaque, Url, UrlDot, Word,
};
use super::bytes::{Mix, distinct, is_uuid, member, varied};
use super::checks;

/// One family.
pub(super) struct Shape {
    /// What it is called in `[redacted:<kind>]`.
    pub(super) kind: &'static str,
    /// The text that gives it away.
    pub(super) anchor: &'static str,
    /// What of it stands before the anchor.
    pub(super) before: Option<(Alphabet, usize, usize)>,
    /// What follows the anchor is written in this, and at least, at most so long.
    pub(super) alphabet: Alphabet,
    pub(super) least: usize,
    pub(super) most: usize,
    /// What else must hold of the part after the anchor.
    pub(super) check: Check,
}

/// What must hold of the part after an anchor, for it to be no word and no example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Some variety: not `xxxxxxxx`.
    Varied,
    /// Letters and digits in one stretch: for anchors that also begin words.
    Generated,
    /// The same, and the anchor is not the end of a longer name: `cache-key-` and a hash is no key.
    Alone,
    /// Decodes to a macaroon of either version, with the anchor.
    Macaroon,
    /// The anchor is not the start of a longer word, and the rest decides by length alone.
    Exact,
    /// A UUID.
    Uuid,
    /// A UUID, a dot and more.
    UuidDot,
    /// A number, an underscore, and letters and digits.
    Numbered,
    /// At least one of the paths that a web hook has: letters and digits with `/` between.
    Hook,
}

/// How much of a token is looked at, in bytes; a multiple of four, to decode it.
const LOOKED_AT: usize = 256;

const ANY: usize = usize::MAX;

const fn row(kind: &'static str, anchor: &'static str, alphabet: Alphabet, least: usize) -> Shape {
    Shape { kind, anchor, before: None, alphabet, least, most: ANY, check: Check::Varied }
}

/// For anchors short or common enough to begin an ordinary word.
const fn weak(kind: &'static str, anchor: &'static str, alphabet: Alphabet, least: usize) -> Shape {
    Shape { kind, anchor, before: None, alphabet, least, most: ANY, check: Check::Generated }
}

/// For families of one length exactly.
const fn exact(kind: &'static str, anchor: &'static str, alphabet: Alphabet, length: usize) -> Shape {
    Shape { kind, anchor, before: None, alphabet, least: length, most: length, check: Check::Exact }
}

/// For anchors in the middle or at the end.
const fn around(
    kind: &'static str,
    before: (Alphabet, usize, usize),
    anchor: &'static str,
    alphabet: Alphabet,
    least: usize,
    most: usize,
) -> Shape {
    Shape { kind, anchor, before: Some(before), alphabet, least, most, check: Check::Exact }
}

const fn hook(kind: &'static str, anchor: &'static str, least: usize) -> Shape {
    Shape { kind, anchor, before: None, alphabet: Opaque, least, most: ANY, check: Check::Hook }
}

impl Shape {
    /// Whether the part after the anchor is what this family gives out. `whole` is the token with its anchor.
    pub(super) fn accepts(&self, rest: &[u8], whole: &[u8]) -> bool {
        // What a token is made of shows at its beginning; reading all of it at each of its anchors would not be linear.
        let rest = rest.get(..LOOKED_AT).unwrap_or(rest);
        let whole = whole.get(..LOOKED_AT).unwrap_or(whole);
        match self.check {
            Check::Varied => varied(rest),
            Check::Exact => rest.len() < 8 || distinct(rest) >= 4,
            Check::Generated | Check::Alone => {
                let mix = Mix::of(rest);
                let longest = rest.split(|&byte| !member(byte, Alnum)).map(<[u8]>::len).max().unwrap_or(0);
                mix.digit && mix.letter() && distinct(rest) >= 8 && longest >= 10.min(self.least)
            }
            Check::Uuid => is_uuid(rest),
            Check::UuidDot => rest.get(..36).is_some_and(is_uuid) && rest.get(36) == Some(&b'.'),
            Check::Numbered => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let tail = rest.get(digits + 1..).unwrap_or_default();
                digits >= 5 && rest.get(digits) == Some(&b'_') && tail.len() >= 20 && varied(tail)
            }
            Check::Macaroon => {
                let bytes = if checks::all(whole, Hex) { checks::hex(whole) } else { checks::base64(whole) };
                // Cut off in mid-byte it still is one.
                let bytes = bytes.or_else(|| checks::base64(whole.get(..whole.len() / 4 * 4).unwrap_or_default()));
                bytes.is_some_and(|bytes| checks::macaroon(&bytes))
            }
            Check::Hook => {
                let mix = Mix::of(rest);
                mix.digit && mix.letter() && rest.iter().rev().take_while(|&&byte| member(byte, Url)).count() >= 8
            }
        }
    }

    /// Whether the anchor may follow a letter or digit directly. One that holds a sign of its own cannot be chance.
    pub(super) fn glued(&self) -> bool {
        self.check == Check::Hook
            || (self.check == Check::Varied
                && self.anchor.len() >= 4
                && self.anchor.bytes().any(|byte| matches!(byte, b'_' | b'-' | b'.')))
    }
}

/// All families, grouped by who issues them.
pub(super) static SHAPES: &[Shape] = &[
    // Amazon: access key ids (they name the key and are found with it), keys of Bedrock and of managed workflows.
    exact("aws_access_key_id", "AKIA", AlnumUpper, 16),
    exact("aws_access_key_id", "ASIA", AlnumUpper, 16),
    exact("aws_access_key_id", "ABIA", AlnumUpper, 16),
    exact("aws_access_key_id", "ACCA", AlnumUpper, 16),
    exact("aws_access_key_id", "A3T", AlnumUpper, 17),
    row("aws_session_token", "IQoJb3JpZ2lu", Base64, 60),
    row("aws_session_token", "FwoGZXIvYXdz", Base64, 60),
    row("aws_session_token", "FQoGZXIvYXdz", Base64, 60),
    row("aws_bedrock_key", "ABSKQmVkcm9ja0FQSUtleS", Base64, 40),
    row("aws_bedrock_key", "bedrock-api-key-", Opaque, 40),
    row("aws_mws_key", "amzn.mws.", Url, 32),
    row("amazon_oauth_secret", "amzn1.oa2-cs.v1.", HexLower, 40),
    // Google.
    row("google_api_key", "AIza", Url, 30),
    row("google_oauth_secret", "GOCSPX-", Url, 20),
    row("google_oauth_token", "ya29.", UrlDot, 20),
    row("google_hmac_key", "GOOG1", AlnumUpper, 20),
    weak("google_hmac_key", "GOOG", AlnumUpper, 20),
    row("google_refresh_token", "1//0", Url, 30),
    // Microsoft.
    around("azure_client_secret", (UrlDot, 4, 5), "Q~", Opaque, 30, 38),
    around("azure_storage_key", (Base64, 60, 100), "+ASt", Base64, 6, 12),
    around("azure_devops_token", (Alnum, 60, 90), "AZDO", Alnum, 4, 12),
    around("azure_key", (Alnum, 20, 80), "JQQJ99", Alnum, 20, 60),
    around("azure_function_key", (Url, 30, 60), "AzFu", Base64, 6, 16),
    around("azure_search_key", (Alnum, 30, 60), "AzSe", Alnum, 4, 12),
    around("azure_batch_key", (Base64, 60, 100), "+ABa", Base64, 6, 12),
    around("azure_cosmos_key", (Base64, 60, 100), "ACDb", Base64, 6, 12),
    around("azure_event_key", (Base64, 20, 60), "+AEh", Base64, 4, 12),
    hook("teams_webhook", ".webhook.office.com/webhookb2/", 60),
    hook("teams_webhook", "outlook.office.com/webhook/", 60),
    // Code hosting.
    row("github_token", "ghp_", Alnum, 30),
    row("github_token", "gho_", Alnum, 30),
    row("github_token", "ghu_", Alnum, 30),
    row("github_token", "ghs_", UrlDot, 30),
    row("github_token", "ghr_", Alnum, 30),
    row("github_token", "github_pat_", Word, 30),
    row("gitlab_token", "glpat-", UrlDot, 18),
    row("gitlab_token", "gldt-", Url, 18),
    row("gitlab_token", "glrt-", UrlDot, 18),
    row("gitlab_token", "glrtr-", UrlDot, 18),
    row("gitlab_token", "glptt-", Url, 18),
    row("gitlab_token", "glcbt-", Url, 18),
    row("gitlab_token", "glft-", Url, 18),
    row("gitlab_token", "glsoat-", Url, 18),
    row("gitlab_token", "glffct-", Url, 18),
    row("gitlab_token", "glimt-", Url, 18),
    row("gitlab_token", "glagent-", Url, 18),
    row("gitlab_token", "gloas-", Url, 18),
    row("gitlab_token", "GR1348941", Url, 18),
    row("gitlab_token", "_gitlab_session=", Hex, 20),
    weak("bitbucket_token", "ATBB", Alnum, 24),
    row("bitbucket_token", "ATCTT3xFfG", Opaque, 60),
    row("atlassian_token", "ATATT3", Opaque, 60),
    row("atlassian_token", "ATSTT3", Opaque, 60),
    row("sourcegraph_token", "sgp_", Word, 32),
    row("sourcegraph_token", "slk_", HexLower, 40),
    weak("harness_token", "pat.", UrlDot, 60),
    weak("harness_token", "sat.", UrlDot, 60),
    row("circleci_token", "CCIPAT_", Word, 30),
    row("circleci_token", "CCIPRJ_", Word, 30),
    row("buildkite_token", "bkua_", Alnum, 30),
    // Chat.
    row("slack_token", "xoxb-", Url, 16),
    row("slack_token", "xoxp-", Url, 16),
    row("slack_token", "xoxa-", Url, 16),
    row("slack_token", "xoxr-", Url, 16),
    row("slack_token", "xoxs-", Url, 16),
    row("slack_token", "xoxo-", Url, 16),
    row("slack_token", "xoxe-", Url, 16),
    row("slack_token", "xoxc-", Url, 16),
    row("slack_token", "xoxd-", Opaque, 16),
    row("slack_token", "xoxe.xox", UrlDot, 16),
    row("slack_token", "xapp-", Url, 16),
    row("slack_token", "xwfp-", Url, 16),
    hook("slack_webhook", "hooks.slack.com/services/", 20),
    hook("slack_webhook", "hooks.slack.com/workflows/", 20),
    hook("slack_webhook", "hooks.slack.com/triggers/", 20),
    hook("slack_webhook", "hooks.slack-gov.com/services/", 20),
    hook("discord_webhook", "discord.com/api/webhooks/", 60),
    hook("discord_webhook", "discordapp.com/api/webhooks/", 60),
    row("discord_token", "mfa.", Url, 60),
    around("telegram_token", (Digit, 5, 16), ":AA", Url, 30, 36),
    around("telegram_token", (Digit, 8, 10), ":A", Url, 34, 34),
    // Money.
    row("stripe_key", "sk_live_", Alnum, 16),
    row("stripe_key", "sk_test_", Alnum, 16),
    row("stripe_key", "sk_prod_", Alnum, 16),
    row("stripe_key", "rk_live_", Alnum, 16),
    row("stripe_key", "rk_test_", Alnum, 16),
    row("stripe_key", "rk_prod_", Alnum, 16),
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
    // Mail and messages.
    row("sendgrid_key", "SG.", UrlDot, 40),
    Shape {
        kind: "mailgun_key",
        anchor: "key-",
        before: None,
        alphabet: HexLower,
        least: 32,
        most: 32,
        check: Check::Alone,
    },
    around("mailchimp_key", (HexLower, 32, 32), "-us", Digit, 1, 2),
    row("sendinblue_key", "xkeysib-", Url, 60),
    row("sendinblue_key", "xsmtpsib-", Url, 60),
    row("twilio_key", "SK", HexLower, 32),
    exact("twilio_sid", "AC", HexLower, 32),
    weak("mandrill_key", "md-", Url, 22),
    weak("resend_key", "re_", Word, 28),
    Shape {
        kind: "clickup_token",
        anchor: "pk_",
        before: None,
        alphabet: Word,
        least: 26,
        most: ANY,
        check: Check::Numbered,
    },
    weak("klaviyo_key", "pk_", HexLower, 34),
    weak("loops_key", "mlsn.", Alnum, 40),
    // Models.
    weak("openai_key", "sk-", Url, 20),
    row("openai_key", "sk-proj-", Url, 20),
    row("openai_key", "sk-svcacct-", Url, 20),
    row("openai_key", "sk-admin-", Url, 20),
    row("anthropic_key", "sk-ant-", Url, 20),
    row("openrouter_key", "sk-or-v1-", HexLower, 32),
    row("langsmith_key", "lsv2_", Word, 30),
    row("langsmith_key", "ls__", Alnum, 30),
    row("langfuse_key", "sk-lf-", Url, 30),
    row("huggingface_token", "hf_", Alnum, 28),
    row("huggingface_token", "api_org_", Alnum, 28),
    row("replicate_token", "r8_", Alnum, 30),
    row("groq_key", "gsk_", Alnum, 30),
    row("perplexity_key", "pplx-", Alnum, 30),
    row("xai_key", "xai-", Alnum, 40),
    weak("fireworks_key", "fw_", Alnum, 20),
    row("cerebras_key", "csk-", Alnum, 30),
    row("tavily_key", "tvly-", Url, 20),
    row("jina_key", "jina_", Word, 30),
    weak("voyage_key", "pa-", Url, 40),
    weak("elevenlabs_key", "sk_", HexLower, 40),
    row("nvidia_key", "nvapi-", Url, 40),
    row("pinecone_key", "pcsk_", Word, 40),
    weak("firecrawl_key", "fc-", HexLower, 32),
    // Packages.
    row("npm_token", "npm_", Alnum, 30),
    row("pypi_token", "pypi-", Url, 50),
    row("rubygems_key", "rubygems_", Hex, 40),
    weak("crates_io_token", "cio", Alnum, 32),
    row("docker_token", "dckr_pat_", Url, 20),
    row("docker_token", "dckr_oat_", Url, 20),
    row("clojars_token", "CLOJARS_", Alnum, 40),
    weak("nuget_key", "oy2", AlnumLower, 43),
    row("jfrog_key", "AKCp", Alnum, 50),
    row("jfrog_token", "cmVmdGtu", Alnum, 40),
    // Clouds and hosts.
    row("digitalocean_token", "dop_v1_", Hex, 40),
    row("digitalocean_token", "doo_v1_", Hex, 40),
    row("digitalocean_token", "dor_v1_", Hex, 40),
    row("heroku_key", "HRKU-", Url, 30),
    row("fly_token", "fo1_", Url, 20),
    row("fly_token", "fm1r_", Opaque, 60),
    row("fly_token", "fm1a_", Opaque, 60),
    row("fly_token", "fm2_", Opaque, 60),
    row("vercel_token", "vcp_", Alnum, 24),
    row("vercel_token", "vercel_blob_rw_", Word, 24),
    row("netlify_token", "nfp_", Alnum, 30),
    row("netlify_token", "nfc_", Alnum, 30),
    weak("render_key", "rnd_", Alnum, 24),
    weak("scalingo_token", "tk-us-", Url, 40),
    weak("scaleway_key", "SCW", AlnumUpper, 17),
    row("planetscale_token", "pscale_", Opaque, 30),
    row("supabase_token", "sbp_", HexLower, 30),
    row("supabase_key", "sb_secret_", Url, 20),
    row("neon_token", "napi_", Alnum, 40),
    row("neon_password", "npg_", Alnum, 10),
    weak("alibaba_key_id", "LTAI", Alnum, 12),
    weak("tencent_key_id", "AKID", Alnum, 28),
    weak("yandex_token", "t1.", UrlDot, 80),
    weak("yandex_key", "AQVN", Url, 34),
    weak("yandex_key", "YCAJ", Url, 20),
    weak("yandex_key", "YCM", Url, 30),
    row("cloudflare_key", "v1.0-", Url, 100),
    row("cloudflare_token", "cfut_", Word, 36),
    row("cloudflare_token", "cfat_", Word, 36),
    row("openshift_token", "sha256~", Url, 40),
    row("tailscale_key", "tskey-", Url, 16),
    row("flyv1_token", "FlyV1 fm", Opaque, 60),
    row("okta_token", "SSWS ", Url, 30),
    // Infrastructure.
    row("vault_token", "hvs.", Url, 20),
    row("vault_token", "hvb.", Url, 20),
    row("vault_token", "hvr.", Url, 20),
    Shape {
        kind: "vault_token",
        anchor: "s.",
        before: None,
        alphabet: Alnum,
        least: 24,
        most: 24,
        check: Check::Generated,
    },
    Shape {
        kind: "vault_token",
        anchor: "b.",
        before: None,
        alphabet: Alnum,
        least: 60,
        most: ANY,
        check: Check::Generated,
    },
    around("terraform_token", (Alnum, 14, 14), ".atlasv1.", Url, 50, 90),
    row("pulumi_token", "pul-", HexLower, 30),
    row("prefect_key", "pnu_", Alnum, 30),
    row("prefect_key", "pnb_", Alnum, 30),
    row("doppler_token", "dp.pt.", Alnum, 30),
    row("doppler_token", "dp.st.", UrlDot, 30),
    row("doppler_token", "dp.ct.", Alnum, 30),
    row("doppler_token", "dp.sa.", Alnum, 30),
    row("doppler_token", "dp.scim.", Alnum, 30),
    row("doppler_token", "dp.audit.", Alnum, 30),
    row("infracost_key", "ico-", Alnum, 30),
    weak("databricks_token", "dapi", HexLower, 30),
    weak("databricks_token", "dkea", HexLower, 30),
    weak("databricks_token", "dose", HexLower, 30),
    row("onepassword_key", "A3-", Url, 34),
    row("onepassword_token", "ops_eyJ", Base64, 60),
    row("age_key", "AGE-SECRET-KEY-1", AlnumUpper, 50),
    row("age_key", "AGE-SECRET-KEY-PQ-1", AlnumUpper, 50),
    row("artifactory_token", "eyJ2ZXIiOiIyIiwidHlwIjoiSldU", Opaque, 60),
    row("temporal_key", "tmprl_", Url, 40),
    weak("confluent_key", "cflt", Alnum, 50),
    row("materialize_key", "mzp_", HexLower, 40),
    weak("clickhouse_key", "4b1d", Alnum, 38),
    row("e2b_key", "e2b_", HexLower, 30),
    around("salesforce_token", (Alnum, 15, 18), "!AQ", Opaque, 60, 130),
    around("maxmind_key", (Word, 30, 40), "_mmk", Digit, 0, 0),
    Shape {
        kind: "launchdarkly_key",
        anchor: "api-",
        before: None,
        alphabet: Url,
        least: 36,
        most: 36,
        check: Check::Uuid,
    },
    Shape {
        kind: "launchdarkly_key",
        anchor: "sdk-",
        before: None,
        alphabet: Url,
        least: 36,
        most: 36,
        check: Check::Uuid,
    },
    Shape {
        kind: "launchdarkly_key",
        anchor: "mob-",
        before: None,
        alphabet: Url,
        least: 36,
        most: 36,
        check: Check::Uuid,
    },
    // Watching.
    row("grafana_token", "glsa_", Word, 30),
    row("grafana_token", "glc_", Base64, 32),
    row("grafana_key", "eyJrIjoi", Base64, 60),
    row("newrelic_key", "NRAK-", AlnumUpper, 24),
    row("newrelic_key", "NRAA-", HexLower, 24),
    row("newrelic_key", "NRII-", Url, 28),
    row("newrelic_key", "NRIQ-", Url, 28),
    row("newrelic_key", "NRJS-", HexLower, 18),
    row("newrelic_key", "NRRA-", HexLower, 28),
    row("newrelic_key", "NRSP-", Url, 28),
    around("newrelic_key", (Alnum, 36, 36), "NRAL", Digit, 0, 0),
    row("sentry_token", "sntrys_", Opaque, 50),
    row("sentry_token", "sntryu_", HexLower, 50),
    row("sentry_token", "sntrya_", HexLower, 50),
    row("dynatrace_token", "dt0c01.", UrlDot, 60),
    row("dynatrace_token", "dt0s0", UrlDot, 60),
    row("sonarqube_token", "squ_", HexLower, 38),
    row("sonarqube_token", "sqp_", HexLower, 38),
    row("sonarqube_token", "sqa_", HexLower, 38),
    row("honeycomb_key", "hcaik_", AlnumLower, 50),
    row("honeycomb_key", "hcxik_", AlnumLower, 50),
    row("honeycomb_key", "hcxlk_", AlnumLower, 30),
    row("logfire_token", "pylf_v1_", Word, 30),
    row("posthog_key", "phx_", Url, 40),
    row("axiom_token", "xaat-", Url, 30),
    row("axiom_token", "xapt-", Url, 30),
    // Teams' tools.
    row("linear_key", "lin_api_", Alnum, 30),
    row("linear_key", "lin_oauth_", Alnum, 30),
    weak("notion_token", "secret_", Alnum, 43),
    row("notion_token", "ntn_", Alnum, 40),
    Shape {
        kind: "airtable_token",
        anchor: "pat",
        before: None,
        alphabet: UrlDot,
        least: 79,
        most: 79,
        check: Check::Generated,
    },
    row("intra42_secret", "s-s4t2ud-", HexLower, 40),
    row("intra42_secret", "s-s4t2af-", HexLower, 40),
    Shape {
        kind: "bitwarden_token",
        anchor: "0.",
        before: None,
        alphabet: Opaque,
        least: 60,
        most: ANY,
        check: Check::UuidDot,
    },
    row("session_cookie", "s%3A", UrlDot, 50),
    row("figma_token", "figd_", Url, 30),
    row("figma_token", "figu_", Url, 30),
    row("figma_token", "figo_", Url, 30),
    row("postman_key", "PMAK-", Url, 40),
    row("typeform_token", "tfp_", UrlDot, 40),
    row("readme_key", "rdme_", AlnumLower, 50),
    row("frameio_token", "fio-u-", Url, 50),
    weak("dropbox_token", "sl.", Url, 60),
    weak("dropbox_token", "sl.u.", Url, 60),
    row("facebook_token", "EAACEdEose0cBA", Alnum, 20),
    weak("facebook_token", "EAA", Alnum, 80),
    row("instagram_token", "IGQV", Url, 80),
    row("twitter_token", "AAAAAAAAAAAAAAAAAAAAA", Opaque, 40),
    row("contentful_token", "CFPAT-", Url, 40),
    row("adafruit_key", "aio_", Alnum, 26),
    row("adobe_secret", "p8e-", Alnum, 30),
    weak("lob_key", "test_", HexLower, 32),
    row("lob_key", "live_pub_", HexLower, 28),
    row("hubspot_token", "pat-na1-", Url, 30),
    row("hubspot_token", "pat-eu1-", Url, 30),
    row("hubspot_token", "pat-na2-", Url, 30),
    row("hubspot_token", "pat-ap1-", Url, 30),
    row("zapier_hook", "hooks.zapier.com/hooks/catch/", Opaque, 10),
    row("make_hook", "hook.eu1.make.com/", Alnum, 20),
    row("make_hook", "hook.us1.make.com/", Alnum, 20),
    row("mapbox_token", "sk.eyJ", UrlDot, 60),
    row("mapbox_token", "pk.eyJ1", UrlDot, 60),
    weak("octopus_key", "API-", AlnumUpper, 25),
    weak("asana_token", "0/", HexLower, 32),
    row("stytch_secret", "secret-test-", Url, 30),
    row("stytch_secret", "secret-live-", Url, 30),
    row("definednetworking_token", "dnkey-", Url, 60),
    weak("localstack_token", "ls-", Url, 30),
    weak("retool_key", "retool_", Alnum, 24),
    weak("trello_token", "ATTA", Hex, 60),
    row("settlemint_token", "sm_aat_", Alnum, 16),
    row("settlemint_token", "sm_pat_", Alnum, 16),
    row("settlemint_token", "sm_sat_", Alnum, 16),
    row("endorlabs_key", "endr+", Url, 16),
    row("ory_token", "ory_", Word, 30),
    row("rootly_key", "rootly_", HexLower, 40),
    row("photoroom_key", "sk_pr_", Alnum, 20),
    // This domain.
    row("macaroon", "0201036c6e64", Hex, 60),
    row("macaroon", "0201036C6E64", Hex, 60),
    Shape {
        kind: "macaroon",
        anchor: "AgE",
        before: None,
        alphabet: Opaque,
        least: 60,
        most: ANY,
        check: Check::Macaroon,
    },
    Shape {
        kind: "macaroon",
        anchor: "AgI",
        before: None,
        alphabet: Opaque,
        least: 60,
        most: ANY,
        check: Check::Macaroon,
    },
    Shape {
        kind: "macaroon",
        anchor: "MDA",
        before: None,
        alphabet: Opaque,
        least: 60,
        most: ANY,
        check: Check::Macaroon,
    },
    Shape {
        kind: "macaroon",
        anchor: "0201",
        before: None,
        alphabet: HexLower,
        least: 100,
        most: ANY,
        check: Check::Macaroon,
    },
    row("nostr_secret_key", "nsec1", Bech32, 50),
    row("nostr_secret_key", "ncryptsec1", Bech32, 100),
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
];
