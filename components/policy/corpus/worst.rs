//! Texts that are as bad as they get for a searcher: every byte a candidate, every candidate long.

/// Names and texts of `length` bytes each.
pub fn worst(length: usize) -> Vec<(&'static str, String)> {
    let fill = |unit: &str| unit.chars().cycle().take(length).collect::<String>();
    let lines = |unit: &str| fill(&format!("{unit}\n"));
    vec![
        ("prose", fill("The quick brown fox jumps over the lazy dog, and the password is wrong again. ")),
        ("one letter", fill("a")),
        ("digits", fill("4")),
        ("card-like", fill("4111 1111 1111 1112 ")),
        ("sk-", fill("sk-")),
        ("ghp_", fill("ghp_")),
        ("glpat-", fill("glpat-")),
        ("dotted anchors", fill("hvs.SG.ya29.")),
        ("eyJ", fill("eyJ-")),
        ("eyJ.", fill("eyJhbGciOiJub25lIn0.")),
        ("AgE", fill(".AgE")),
        ("assignments", fill("password=token=secret=")),
        ("placeholders", fill("password=$a,token=${b} ")),
        ("colons", fill("password: token: secret: ")),
        ("quotes", fill("password=\"")),
        ("escaped quotes", fill("\\\"password\\\":\\\"")),
        ("opening quotes", fill("\"token\":\"x ")),
        ("bearer", fill("Bearer ")),
        ("authorization", fill("Authorization: Basic ")),
        ("cookie", fill("Cookie: a=b; ")),
        ("cookies of one header", format!("Cookie: {}", fill("a=b; "))),
        ("addresses", fill("a://b:c@")),
        ("address without an end", format!("a://{}", fill("b:"))),
        ("begin", fill("-----BEGIN PRIVATE KEY-----")),
        ("begin and base64", fill("-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAAAAAA\n")),
        ("putty", fill("PuTTY-User-Key-File-2: x ")),
        ("seed words", fill("abandon ability able about above absent absorb abstract absurd abuse access accident ")),
        ("one seed word", fill("zoo ")),
        ("wif-like", fill("5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTK ")),
        ("base64 of text", fill("dGhlIHF1aWNrIGJyb3duIGZveA")),
        ("base64 words", fill("dGhlIHF1aWNrIGJyb3duIGZveCB ")),
        ("hex of text", fill("74686520717569636b2062726f776e20666f7820")),
        ("hex words", fill("74686520717569636b2062726f776e20666f7820 ")),
        ("percent", fill("%61")),
        ("nested percent", fill("%25252561")),
        ("backslashes", fill("\\")),
        ("unicode escapes", fill("\\u0061")),
        ("lines", lines("x")),
        ("empty lines", fill("\n")),
        ("wrapped", lines("aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29y")),
        ("ESC", fill("\x1b[")),
        ("OSC", fill("\x1b]")),
        ("zero width", fill("a\u{200b}")),
        ("Cyrillic", fill("раѕѕwоrd ")),
        ("tags", fill("<password>")),
        ("closing tags", fill("</password>")),
        ("options", fill("--password -p -u ")),
        ("mysql", fill("mysql -p ")),
        ("preimage", fill("preimage ")),
        ("preimage and hex", fill("preimage abcdef0123456789 ")),
        ("JSON", fill("[1,")),
        ("JSON in JSON", serde_nest(length)),
        ("signatures", fill("&sig=")),
        ("markers", fill("[redacted:x]")),
        ("names", fill("a_b_c_d_e_f_g_h_token_count_of_the_day=1 ")),
        ("machine", fill("machine login password ")),
        ("piped", fill("echo x|sudo -S ")),
        ("piped nothing", fill("chpasswd ")),
        ("last words", fill("htpasswd -b a ")),
        ("literals", fill("--from-literal=a=b ")),
        ("mail logins", fill("AUTH PLAIN AAAA")),
        ("password files", fill(":5432:a")),
        ("manifests", fill("kind: Secret\ndata:\n a: b\n")),
        ("YAML blocks", fill("password: |\n  a1\n")),
        ("parts of forms", fill("name=\"password\"\n\n")),
        ("declarations", fill("token: string = ")),
        ("words of passwords", fill("пароль ")),
        ("pairs of one slot", fill("-p-u-a-w-n-k-b")),
        ("slashes", fill("https://hooks.slack.com/services/")),
    ]
}

/// Names and documents of about `length` bytes, bad by their structure.
pub fn structures(length: usize) -> Vec<(&'static str, String)> {
    let fill = |start: &str, unit: &str, end: &str| format!("{start}{}{end}", unit.repeat(length / unit.len()));
    vec![
        ("names and no values", fill("{\"value\":1,", "\"akey\":\"x\",", "\"b\":1}")),
        ("values", fill("{\"name\":\"x\",", "\"value\":\"y\",", "\"b\":1}")),
        ("pairs", fill("[", "{\"name\":\"password\",\"value\":\"x\"},", "1]")),
        ("arguments", fill("{\"command\":\"docker\",\"args\":[", "\"-p\",\"x\",", "1]}")),
        ("lists of arguments", fill("{\"command\":\"docker\",", "\"args\":[\"-p\"],", "\"b\":1}")),
        ("headers", fill("{\"headers\":[", "\"cookie\",\"x\",", "1]}")),
        ("seed words", fill("[", "\"zoo\",", "\"zoo\"]")),
        ("long names", fill("{", "\"a_b_c_d_e_f_g_h_password_of_the_day\":1,", "\"b\":1}")),
        ("deep", format!("{}1{}", "{\"a\":".repeat(60), "}".repeat(60))),
    ]
}

fn serde_nest(length: usize) -> String {
    let mut text = "x".to_owned();
    while text.len() * 2 < length {
        text = format!("[{text:?}]");
    }
    text
}
