//! Families of secrets as their issuers describe them. In a template `{A36}` stands for 36 random characters of the alphabet named by
//! the letter: `A` letters and digits, `a` lower-case ones and digits, `U` upper-case ones and digits, `h` hexadecimal, `H` upper-case
//! hexadecimal, `d` digits, `u` base64url, `b` base64, `B` base32, `5` base58, `q` bech32,
//! `Q` upper-case bech32, `L` letters; `{name}` for what has a checksum.

use bip0039::language::English;
use sha2::{Digest, Sha256};

/// A small generator with a fixed seed: a failure can be repeated.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % below
    }

    fn string(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| char::from(alphabet.as_bytes()[self.next(alphabet.len())])).collect()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.0.wrapping_add(self.next(256) as u64).to_le_bytes()[0]).collect()
    }

    /// Fills a template.
    pub fn fill(&mut self, template: &str) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let filled = after.split_once('}').and_then(|(field, after)| Some((self.field(field)?, after)));
            match filled {
                Some((text, after)) => {
                    out.push_str(&text);
                    rest = after;
                }
                None => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out + rest
    }

    fn field(&mut self, field: &str) -> Option<String> {
        const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
        const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let alphabet = match field.get(..1)? {
            "A" => format!("{LOWER}{UPPER}0123456789"),
            "a" => format!("{LOWER}0123456789"),
            "U" => format!("{UPPER}0123456789"),
            "h" => "0123456789abcdef".to_owned(),
            "H" => "0123456789ABCDEF".to_owned(),
            "d" => "0123456789".to_owned(),
            "u" => format!("{LOWER}{UPPER}0123456789_-"),
            "b" => format!("{LOWER}{UPPER}0123456789+/"),
            "B" => format!("{UPPER}234567"),
            "5" => "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".to_owned(),
            "Q" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".to_owned(),
            "L" => format!("{LOWER}{UPPER}"),
            "q" => "qpzry9x8gf2tvdw0s3jn54khce6mua7l".to_owned(),
            _ => String::new(),
        };
        if let (false, Ok(length)) = (alphabet.is_empty(), field.get(1..)?.parse()) {
            let text = self.string(&alphabet, length);
            // A token does not end with a sign, or a reader would take it for the sentence's.
            return Some(if text.ends_with(['-', '_']) { format!("{}x", &text[..text.len() - 1]) } else { text });
        }
        match field {
            "phrase12" => Some(self.phrase(16)),
            "phrase15" => Some(self.phrase(20)),
            "phrase18" => Some(self.phrase(24)),
            "phrase21" => Some(self.phrase(28)),
            "phrase24" => Some(self.phrase(32)),
            // Words without a sum, as Electrum's and Monero's phrases are.
            "words12" => {
                let words: Vec<&str> = (0..12).map(|_| English::words()[self.next(2048)]).collect();
                Some(words.join(" "))
            }
            "numbered12" => {
                let phrase = self.phrase(16);
                let words: Vec<String> =
                    phrase.split(' ').enumerate().map(|(index, word)| format!("{}. {word}", index + 1)).collect();
                Some(words.join(" "))
            }
            "lines12" => Some(self.phrase(16).replace(' ', "\n")),
            "commas24" => Some(self.phrase(32).replace(' ', ", ")),
            "upper12" => Some(self.phrase(16).to_uppercase()),
            "wif" => {
                let mut key = vec![0x80];
                key.extend(self.bytes(32));
                key.push(1);
                Some(base58check(&key))
            }
            "wif5" => {
                let mut key = vec![0x80];
                key.extend(self.bytes(32));
                Some(base58check(&key))
            }
            "wift" => {
                let mut key = vec![0xef];
                key.extend(self.bytes(32));
                key.push(1);
                Some(base58check(&key))
            }
            "xprv" => Some(self.extended_key([0x04, 0x88, 0xad, 0xe4])),
            "tprv" => Some(self.extended_key([0x04, 0x35, 0x83, 0x94])),
            "zprv" => Some(self.extended_key([0x04, 0xb2, 0x43, 0x0c])),
            "jwt" => {
                let body = format!("{{\"sub\":\"{}\",\"exp\":1900000000}}", self.string(LOWER, 9));
                Some(format!(
                    "{}.{}.{}",
                    url64(br#"{"alg":"HS256","typ":"JWT"}"#),
                    url64(body.as_bytes()),
                    url64(&self.bytes(32))
                ))
            }
            "macaroon64" => {
                let mut bytes = vec![2, 1, 3];
                bytes.extend(b"lnd");
                bytes.extend([2, 0xf8, 1, 3, 10]);
                bytes.extend(self.bytes(180));
                Some(url64(&bytes))
            }
            "macaroon1" => {
                let mut bytes = b"0021location https://example.org/\n0024identifier ".to_vec();
                bytes.extend(self.bytes(90));
                Some(url64(&bytes))
            }
            "visa" => Some(self.card("4", 16)),
            "mastercard" => Some(self.card("53", 16)),
            "amex" => Some(self.card("37", 15)),
            "visa4" => Some(grouped(&self.card("4", 16), ' ')),
            "visa-" => Some(grouped(&self.card("4", 16), '-')),
            "basic" => {
                let text = format!("admin:{}", self.string("abcdefghjkmnpqrstuvwxyz23456789", 14));
                Some(url64(text.as_bytes()))
            }
            "pem" => Some(format!(
                "-----BEGIN RSA PRIVATE KEY-----\n{}\n{}\n{}\n-----END RSA PRIVATE KEY-----",
                self.string(&format!("{LOWER}{UPPER}0123456789+/"), 64),
                self.string(&format!("{LOWER}{UPPER}0123456789+/"), 64),
                self.string(&format!("{LOWER}{UPPER}0123456789+/"), 40)
            )),
            "uuid" => Some(format!(
                "{}-{}-4{}-a{}-{}",
                self.string("0123456789abcdef", 8),
                self.string("0123456789abcdef", 4),
                self.string("0123456789abcdef", 3),
                self.string("0123456789abcdef", 3),
                self.string("0123456789abcdef", 12)
            )),
            "blob" => {
                let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
                bytes.extend(self.bytes(2000));
                Some(base64(&bytes))
            }
            _ => None,
        }
    }

    fn extended_key(&mut self, version: [u8; 4]) -> String {
        let mut key = version.to_vec();
        key.extend(self.bytes(74));
        base58check(&key)
    }

    fn phrase(&mut self, entropy: usize) -> String {
        let entropy = self.bytes(entropy);
        let digest = Sha256::digest(&entropy);
        let mut bits: Vec<u8> =
            entropy.iter().flat_map(|byte| (0..8).rev().map(move |shift| byte >> shift & 1)).collect();
        bits.extend((0..entropy.len() / 4).map(|index| digest[0] >> (7 - index) & 1));
        let words = bits
            .chunks(11)
            .map(|word| English::words()[word.iter().fold(0, |number, bit| number << 1 | usize::from(*bit))]);
        words.collect::<Vec<_>>().join(" ")
    }

    fn card(&mut self, head: &str, length: usize) -> String {
        let mut digits = format!("{head}{}", self.string("0123456789", length - head.len() - 1));
        let last = (0..10).find(|last| {
            let whole = format!("{digits}{last}");
            let sum: u32 = whole
                .bytes()
                .rev()
                .enumerate()
                .map(|(index, digit)| {
                    let value = u32::from(digit - b'0') * if index % 2 == 0 { 1 } else { 2 };
                    value / 10 + value % 10
                })
                .sum();
            sum.is_multiple_of(10)
        });
        digits.push_str(&last.map(|last| last.to_string()).unwrap_or_default());
        digits
    }
}

fn grouped(digits: &str, by: char) -> String {
    let groups: Vec<&str> = (0..4).map(|group| &digits[group * 4..group * 4 + 4]).collect();
    groups.join(&by.to_string())
}

pub fn base64(bytes: &[u8]) -> String {
    const SYMBOLS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for index in 0..=group.len() {
            out.push(char::from(SYMBOLS[(bits >> (18 - 6 * index) & 63) as usize]));
        }
    }
    out
}

fn url64(bytes: &[u8]) -> String {
    base64(bytes).replace('+', "-").replace('/', "_")
}

fn base58check(payload: &[u8]) -> String {
    let mut bytes = payload.to_vec();
    bytes.extend(&Sha256::digest(Sha256::digest(payload))[..4]);
    let mut digits: Vec<u32> = Vec::new();
    for byte in &bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    let symbols = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    digits.iter().rev().map(|digit| char::from(symbols[*digit as usize])).collect()
}

/// Secrets that are told by their own text.
pub const FAMILIES: &[(&str, &str)] = &[
    ("AWS access key id", "AKIA{B16}"),
    ("AWS temporary key id", "ASIA{B16}"),
    ("AWS session token", "IQoJb3JpZ2luX2Vj{b200}"),
    ("AWS MWS", "amzn.mws.{uuid}"),
    ("Bedrock", "ABSKQmVkcm9ja0FQSUtleS{b90}"),
    ("Google API key", "AIza{u35}"),
    ("Google OAuth secret", "GOCSPX-{u28}"),
    ("Google OAuth token", "ya29.{u80}"),
    ("Google refresh token", "1//0{u60}"),
    ("Azure client secret", "{A3}8Q~{u34}"),
    ("Azure storage key", "{b76}+ASt{b5}g=="),
    ("GitHub", "ghp_{A36}"),
    ("GitHub OAuth", "gho_{A36}"),
    ("GitHub user", "ghu_{A36}"),
    ("GitHub server", "ghs_{A36}"),
    ("GitHub refresh", "ghr_{A36}"),
    ("GitHub fine-grained", "github_pat_{A22}_{A59}"),
    ("GitLab", "glpat-{u20}"),
    ("GitLab deploy", "gldt-{u20}"),
    ("GitLab runner", "glrt-{u20}"),
    ("GitLab trigger", "glptt-{h40}"),
    ("GitLab CI", "glcbt-1_{u20}"),
    ("GitLab old runner", "GR1348941{u20}"),
    ("Atlassian", "ATATT3xFfGF0{u60}={H8}"),
    ("Bitbucket", "ATBB{A32}"),
    ("Sourcegraph", "sgp_{h40}"),
    ("CircleCI", "CCIPAT_{A22}_{h40}"),
    ("Buildkite", "bkua_{h40}"),
    ("Slack bot", "xoxb-{d12}-{d13}-{A24}"),
    ("Slack user", "xoxp-{d12}-{d12}-{d13}-{h32}"),
    ("Slack app", "xapp-1-A{U10}-{d13}-{h64}"),
    ("Slack config", "xoxe.xoxp-1-{A163}"),
    ("Slack webhook", "https://hooks.slack.com/services/T{U8}/B{U8}/{A24}"),
    ("Discord webhook", "https://discord.com/api/webhooks/{d18}/{u68}"),
    ("Discord token", "MTA4{A21}.G{u5}.{A38}"),
    ("Telegram", "{d10}:AA{u33}"),
    ("Teams webhook", "https://acme.webhook.office.com/webhookb2/{uuid}@{uuid}/IncomingWebhook/{h32}/{uuid}"),
    ("Stripe", "sk_live_{A24}"),
    ("Stripe long", "sk_live_51{A97}"),
    ("Stripe test", "sk_test_{A24}"),
    ("Stripe restricted", "rk_live_{A24}"),
    ("Stripe webhook", "whsec_{A32}"),
    ("Square", "sq0atp-{u22}"),
    ("Square secret", "sq0csp-{u43}"),
    ("PayPal Braintree", "access_token$production${a16}${h32}"),
    ("Plaid", "access-sandbox-{uuid}"),
    ("Flutterwave", "FLWSECK_TEST-{h32}-X"),
    ("Razorpay", "rzp_live_{A14}"),
    ("Shippo", "shippo_live_{h40}"),
    ("EasyPost", "EZAK{A54}"),
    ("Duffel", "duffel_test_{u43}"),
    ("Shopify", "shpat_{h32}"),
    ("Shopify shared", "shpss_{h32}"),
    ("SendGrid", "SG.{u22}.{u43}"),
    ("Mailgun", "key-{h32}"),
    ("Mailchimp", "{h32}-us12"),
    ("Sendinblue", "xkeysib-{h64}-{A16}"),
    ("Twilio", "SK{h32}"),
    ("OpenAI", "sk-{A20}T3BlbkFJ{A20}"),
    ("OpenAI project", "sk-proj-{u74}T3BlbkFJ{u74}"),
    ("OpenAI service", "sk-svcacct-{u74}T3BlbkFJ{u74}"),
    ("Anthropic", "sk-ant-api03-{u93}AA"),
    ("Anthropic admin", "sk-ant-admin01-{u93}AA"),
    ("OpenRouter", "sk-or-v1-{h64}"),
    ("DeepSeek", "sk-{h32}"),
    ("LangSmith", "lsv2_pt_{h32}_{h10}"),
    ("HuggingFace", "hf_{A34}"),
    ("Replicate", "r8_{A37}"),
    ("Groq", "gsk_{A52}"),
    ("Perplexity", "pplx-{A48}"),
    ("xAI", "xai-{A80}"),
    ("Pinecone", "pcsk_{A6}_{A60}"),
    ("npm", "npm_{A36}"),
    ("PyPI", "pypi-AgEIcHlwaS5vcmc{u70}"),
    ("RubyGems", "rubygems_{h48}"),
    ("crates.io", "cio{A32}"),
    ("Docker Hub", "dckr_pat_{u27}"),
    ("Clojars", "CLOJARS_{a60}"),
    ("NuGet", "oy2{a43}"),
    ("JFrog", "AKCp{A69}"),
    ("DigitalOcean", "dop_v1_{h64}"),
    ("Heroku", "HRKU-AA{u58}"),
    ("Fly.io", "fo1_{u43}"),
    ("Netlify", "nfp_{A36}"),
    ("PlanetScale", "pscale_tkn_{u43}"),
    ("PlanetScale password", "pscale_pw_{u43}"),
    ("Supabase", "sbp_{h40}"),
    ("Alibaba", "LTAI{A20}"),
    ("Yandex", "t1.{u10}.{u86}"),
    ("Cloudflare CA", "v1.0-{h24}-{h146}"),
    ("Tailscale", "tskey-auth-k{A12}-{A30}"),
    ("OpenShift", "sha256~{u43}"),
    ("Vault", "hvs.{u90}"),
    ("Vault batch", "hvb.{u140}"),
    ("Vault old", "s.{A24}"),
    ("Terraform", "{A14}.atlasv1.{u66}"),
    ("Pulumi", "pul-{h40}"),
    ("Prefect", "pnu_{a36}"),
    ("Doppler", "dp.pt.{A43}"),
    ("Infracost", "ico-{A32}"),
    ("Databricks", "dapi{h32}"),
    ("1Password", "A3-{U6}-{U11}-{U5}-{U5}-{U5}"),
    ("age", "AGE-SECRET-KEY-1{U58}"),
    ("Grafana", "glsa_{A32}_{h8}"),
    ("Grafana cloud", "glc_{b60}"),
    ("New Relic", "NRAK-{U27}"),
    ("New Relic browser", "NRJS-{h19}"),
    ("New Relic licence", "{h36}NRAL"),
    ("Sentry", "sntryu_{h64}"),
    ("Dynatrace", "dt0c01.{U24}.{U64}"),
    ("SonarQube", "squ_{h40}"),
    ("PostHog", "phx_{u43}"),
    ("Linear", "lin_api_{A40}"),
    ("Notion", "secret_{A43}"),
    ("Notion new", "ntn_{d11}{A35}"),
    ("Airtable", "pat{A14}.{h64}"),
    ("Figma", "figd_{u40}"),
    ("Postman", "PMAK-{h24}-{h34}"),
    ("Typeform", "tfp_{u59}"),
    ("ReadMe", "rdme_{a70}"),
    ("Frame.io", "fio-u-{u64}"),
    ("Dropbox", "sl.{u135}"),
    ("Facebook", "EAAM{A120}"),
    ("Contentful", "CFPAT-{u43}"),
    ("Adafruit", "aio_{A28}"),
    ("Adobe", "p8e-{A32}"),
    ("Lob", "live_{h35}"),
    ("HubSpot", "pat-na1-{uuid}"),
    ("LaunchDarkly", "sdk-{uuid}"),
    ("Octopus", "API-{U26}"),
    ("SettleMint", "sm_pat_{A16}"),
    ("MaxMind", "{A6}_{A29}_mmk"),
    ("JWT", "{jwt}"),
    ("PEM", "{pem}"),
    ("Macaroon, hex", "0201036c6e6402f801030a10{h300}"),
    ("Macaroon, base64", "{macaroon64}"),
    ("Macaroon of version 1", "{macaroon1}"),
    ("nostr", "nsec1{q58}"),
    ("Cashu", "cashuA{u120}"),
    ("BIP-39, 12 words", "{phrase12}"),
    ("BIP-39, 24 words", "{phrase24}"),
    ("WIF, compressed", "{wif}"),
    ("WIF", "{wif5}"),
    ("xprv", "{xprv}"),
    ("Visa", "{visa}"),
    ("Visa, grouped", "{visa4}"),
    ("Visa, dashed", "{visa-}"),
    ("Mastercard", "{mastercard}"),
    ("American Express", "{amex}"),
];

/// Secrets that only what stands around them tells. Between `«` and `»` stands the secret.
pub const CONTEXTS: &[&str] = &[
    "password=«hunter2»",
    "PASSWORD='«correct horse battery»'",
    "export DB_PASSWORD=«p@ss,w0rd&x!»",
    "password: «hunter2»",
    "Password: «Tr0ub4dor&3»",
    "db:\n  user: bob\n  password: «letmein»\n",
    "my password is «hunter2!»",
    "the password for the staging server is «Zx81spectrum»",
    "login with user bob and password «s3cr3tpw»",
    "passwd: «abc123»",
    "{\"password\":\"«hunter2»\"}",
    "{\"PassWord\":\"«x»\"}",
    "{\"user\":{\"secret\":\"«letmein»\"}}",
    "{\"api-key\":\"«{A20}»\"}",
    "{\"X-Api-Key\":\"«{A20}»\"}",
    "{\"apikey\":\"«abc»\"}",
    "{\"token\":\"«abc»\"}",
    "{\"pin\":\"«4821»\"}",
    "{\"pin\":«4821»}",
    "{\"cvv\":«482»}",
    "{\"password\":«12345678»}",
    "{\"user\":\"bob\",\"pass\":\"«letmein»\"}",
    "{\"auth\":\"«{basic}»\"}",
    "{\"auth\":{\"username\":\"bob\",\"password\":\"«hunter2»\"}}",
    "{\"credentials\":{\"key\":\"«{A20}»\"}}",
    "{\"secrets\":[\"«alpha-beta»\",\"x\"]}",
    "{\"pаsswоrd\":\"«hunter2»\"}",
    "{\"pass\u{200b}word\":\"«hunter2»\"}",
    "{\"headers\":[[\"Host\",\"example.org\"],[\"Authorization\",\"«Bearer {A20}»\"]]}",
    "{\"headers\":[\"Host\",\"example.org\",\"X-Api-Key\",\"«{A20}»\"]}",
    "{\"headers\":[{\"name\":\"X-Auth-Token\",\"value\":\"«{A20}»\"}]}",
    "{\"headers\":{\"Cookie\":\"«session={A20}»\"}}",
    "{\"name\":\"PASSWORD\",\"value\":\"«hunter2»\"}",
    "{\"key\":\"db_password\",\"old\":\"«hunter1»\",\"type\":\"string\"}",
    "{\"argv\":[\"mysql\",\"-u\",\"root\",\"-p«hunter2»\"]}",
    "{\"argv\":[\"tool\",\"--password\",\"«correct horse»\"]}",
    "{\"argv\":[\"tool\",\"--api-key=«{A20}»\"]}",
    "{\"kty\":\"RSA\",\"n\":\"abc\",\"d\":\"«{u43}»\"}",
    "{\"id\":\"AKIA{B16}\",\"value\":\"«{b38}a1»\"}",
    "{\"preimage\":\"«{h64}»\"}",
    "{\"payment_preimage\":\"«{h64}»\"}",
    "{\"mnemonic\":\"«these words are wrong»\"}",
    "{\"seed\":\"«{h64}»\"}",
    "{\"rune\":\"«{A40}»\"}",
    "paid, preimage «{h64}»",
    "preimage: «{h64}»",
    "Authorization: Bearer «{A32}»",
    "Authorization: Basic «{basic}»",
    "authorization: token «{h40}»",
    "Authorization: L402 «{macaroon64}:{h64}»",
    "curl -u admin:«hunter2» https://example.org",
    "curl --user admin:«hunter2» https://example.org",
    "curl -H \"X-Api-Key: «{A24}»\" https://example.org",
    "mysql -u root -p«hunter2» shop",
    "sshpass -p «hunter2» ssh bob@example.org",
    "docker login -u bob -p «hunter2» registry.example.org",
    "redis-cli -h cache -a «hunter2» ping",
    "deploy --db-password «hunter2» --now",
    "deploy --password=«hunter2» --now",
    "PGPASSWORD=«hunter2» psql -h db",
    "postgres://bob:«hunter2»@db.example.org:5432/shop",
    "postgresql://bob:«p@ss/w0rd#1»@db.example.org/shop",
    "redis://:«hunter2»@cache:6379/0",
    "amqp://rabbit:«guest»@mq:5672/",
    "mongodb+srv://bob:«hunter2»@cluster0.example.net/db?retryWrites=true",
    "https://bob:«{A20}»@example.org/repo.git",
    "root:«hunter2»@tcp(127.0.0.1:3306)/shop",
    "Server=db;Database=shop;User Id=sa;Password=«p@ss w0rd»;Encrypt=true",
    "Server=db;Pwd=«hunter2»;",
    "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=«{b86}==»;EndpointSuffix=core.windows.net",
    "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=«{b43}=»",
    "https://acme.blob.core.windows.net/c/f?sv=2022-11-02&se=2025-01-01&sr=b&sp=r&sig=«{A43}%3D»",
    "https://bucket.s3.amazonaws.com/f?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=«{h64}»",
    "https://example.org/cb?access_token=«{A40}»&state=1",
    "https://example.org/cb?user=bob&password=«hunter2»&next=/",
    "Cookie: sid=«{A24}»; theme=dark",
    "Set-Cookie: session=«{A24}»; Path=/; HttpOnly",
    "aws_secret_access_key = «{b40}»",
    "aws_access_key_id = AKIA{B16}\nsecret: «{b38}a1»",
    "AKIA{B16}:«{b38}a1»",
    "DATADOG_API_KEY=«{h32}»",
    "heroku_api_key: «{uuid}»",
    "config.password = \"«hunter2»\";",
    "'password' => '«hunter2»',",
    ":password => \"«hunter2»\"",
    "define('DB_PASSWORD', '«hunter2»');",
    "<password>«hunter2»</password>",
    "<property name=\"password\" value=\"«hunter2»\"/>",
    "<add key=\"ApiKey\" value=\"«{A20}»\" />",
    "sent {\"user\": \"bob\", \"password\": \"«hunter2»\"} to server",
    "sent {\\\"user\\\": \\\"bob\\\", \\\"password\\\": \\\"«hunter2»\\\"} to server",
    "{'user': 'bob', 'password': '«hunter2»'}",
    "User { name: \"bob\", password: Some(\"«hunter2»\") }",
    "machine example.org login bob password «hunter2»",
    "CREATE USER bob IDENTIFIED BY '«hunter2»'",
    "ALTER USER bob WITH PASSWORD '«hunter2»'",
    "//registry.npmjs.org/:_authToken=«{uuid}»",
    "client_secret=«{A32}»&grant_type=client_credentials",
    "api key: «{A32}»",
    "API_KEY: «{A32}»",
    "your access token is «{A32}»",
    "The PIN is «4821»",
    "--api-key «{A32}»",
    "{\"DBPASS\":\"«hunter2»\"}",
    "{\"two_factor_code\":\"«123456»\"}",
    "API key = «abcd1234»",
    "X-Api-Key: «abc123»\nHost: x",
    "aws configure set aws_secret_access_key «{b38}a1»",
    "ENV DB_PASSWORD «hunter2»",
    "SSN: «078-05-1120»",
    "otpauth://totp/Acme:bob?secret=«{B16}»&issuer=Acme",
    "bitcoin-cli -rpcuser=bob -rpcpassword=«hunter2» getinfo",
    "nostr+walletconnect://{h64}?relay=wss%3A%2F%2Fr.example.org&secret=«{h64}»",
    "nostr+walletconnect://{h64}?relay=wss://r.example.org&secret=«{h30}\n{h34}»",
    "lndconnect://node.example.org:10009?cert=abc&macaroon=«{u120}»",
    "seed phrase: «{phrase12}»",
    "p%61ssword%3D«hunter2»",
    "openssl enc -aes-256-cbc -pass pass:«hunter2» -in a",
];
