//! Lists of words by which names and sentences are read.
//!
//! Always true: a list is data, in lower case, each word once. What a word changes is said where the list is asked, in `keys` and `values`.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

type List = HashSet<&'static str, BuildHasherDefault<Fnv>>;
type Words = LazyLock<List>;

fn split(text: &'static str) -> List {
    text.split_whitespace().collect()
}

/// Fowler, Noll and Vo's hash (FNV-1a), a multiplication a byte. The lists are ours and never change: nobody can fill a bucket, which is
/// what the standard library's own is slower for.
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    }

    fn write_u8(&mut self, byte: u8) {
        self.write(&[byte]);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Words after a noun which leave it what it is.
pub(super) static KEEPS: Words = LazyLock::new(|| {
    split(
        "\
        a admin again b b64 backup base base64 body bytes clear cleartext confirm confirmation confirmed content \
        current data database db default dev development enc encoded encrypted env for from header hex input key list \
        live local main master new of old original pair param payload pem phrase plain plaintext prev previous \
        primary prod production qa raw repeat retype root s sandbox secondary secret staging str string temp \
        temporary test text tmp v val value values var verify words",
    )
});

/// Words after a noun which make it something else.
pub(super) static TURNS: Words = LazyLock::new(|| {
    split(
        "\
        annotations group labels namespace org project role roles tenant \
        accepted action address age agent alg algo algorithm allowance amount app arn at attempt attempts audience \
        backend balance balances banner based bound bucket budget burned by cached change changed checksum class \
        client code column columns completion complexity config consent consumed contract controller cooldown correct \
        cost costs count counter counts created created_by date days decimals delivered denied desc description \
        details detected dialog digest dir directory disabled distribution domain email embedding enabled end \
        endpoint endpoints engine entered error errors estimate event events exists exp expiration expire expired \
        expires expiring expiry failed failure failures field fields file filename fingerprint flow form format found \
        garden generated given granted guid handler has hash helper hidden hint holder holders host httponly id \
        identifier ids idx in incorrect index info invalid is issued issuer jar kind label last leaked left len \
        length length_min less level lifetime limit limits link location logprob logprobs management manager manually \
        mask masked match matches max md5 message meta metadata method methods min minted minutes mismatch missing \
        mission mode modified ms msg name names needed needs next notice num number numbers offset ok on only option \
        options output owner page path paths pattern per placeholder policies policy pool port pos position \
        preferences prefix present price prompt protected provided provider quota rate ratio reason received redacted \
        ref reference refresh refreshed refreshes regex regexp region rejected remaining renewal request requested \
        requests required requirement requirements requires reset retries reused revoked rotated rotation rule rules \
        sale samesite santa sauce saved savings scheme scope scopes score screen sec second seconds secs secure sent \
        service set settings sha sha256 show size source standard start stash state stats status step storage store \
        strategy stream strength success suffix supply swap symbol throughput thumbprint time timestamp title total \
        totals transfer transfers tries ttl type types updated updates uri url urls usage use used user username uses \
        util utils uuid valid validated validation validity verification verified version versions view visible \
        weapon window year",
    )
});

/// First words that make a question or a command of a name.
pub(super) static ASKS: Words = LazyLock::new(|| {
    split(
        "\
        accepts allow allows avg can checksum cost count did disable disabled enable enabled has hide is max mean min missing \
        ms must n need needs no num number price remaining require required requires seconds should show supports \
        time total use uses was without",
    )
});

/// Words before `token` that make it something other than a proof.
pub(super) static OTHER_TOKENS: Words = LazyLock::new(|| {
    split(
        "\
        accepted audio avg base bos cached cursor cancel cancellation cls completion continuation continue draft eos erc \
        erc20 first fungible generated governance image input iterator last liquidity lp mask max min native next nft \
        nonce num output pad page page_next pagination per position predicted prompt quote reasoning resume reward \
        sep special stop sync text thinking total unexpected unk wrapped",
    )
});

/// Words that say something of a secret and are none.
pub(super) static KNOWN: Words = LazyLock::new(|| {
    split(
        "\
        2fa a absent accepted active admin:read aes-128 aes-256 aes-256-gcm aes256 after already an and any are \
        argon2 argon2i argon2id argument as ascii at auth0 authenticated authentication authorization automatic \
        base32 base58 base64 base64url basic bcrypt be bearer been before bip-39 bip32 bip39 body bool boolean budget \
        but by bytes can cannot changed cookie cookies correct count created credentials default deleted denied did \
        disabled do does ed25519 eddsa email empty enabled encrypted enter env environment error errors es256 \
        exceeded exhausted expired fail failed failure false field file flag flags for forbidden found from generated \
        given got granted has hashed have header hex hidden hs256 http http2 https i if ignored in inactive incorrect \
        input instead insufficient int integer interactive invalid ipv4 ipv6 is issued it jwt key keychain keyring \
        leaked limit login logout long manual masked match matches may md5 mfa might mismatch missing mtls must n/a \
        na need needed needs never new nil no none not now null number oauth oauth2 object of oidc ok old on only \
        option option<string> optional optional[str] options or output p-256 p256 parameter pass passed password \
        passwords pbkdf2 pending per please present prompt provided query read ready redacted refreshed rejected \
        removed require required requires reset reuse reused revoked rotated rs256 rsa-2048 rsa2048 saml scrypt \
        secp256k1 secret secrets see self set sha-256 sha-512 sha1 sha2 sha256 sha3 sha512 short should skipped stdin \
        still stored str string strong succeeded success tbd text that the then this this.token to todo token tokens \
        too totp true type unauthorized unavailable unchanged undefined unknown unset updated url usage use used user \
        username uses using utf-16 utf-8 utf8 valid value vault via was we weak what when which who will with would \
        write wrong x25519 yes you your",
    )
});

/// Words before `KEY` in the name of a variable that make it the name of something, and no key to it.
pub(super) static LOOKUP_KEYS: Words = LazyLock::new(|| {
    split(
        "\
        bucket cache composite config dedup deduplication event field foreign group hash header http i18n idempotency \
        index kafka label lock lookup map message metric object parent partition primary pub public publishable \
        queue range redis registry route routing row s s3 search shard sort state storage tag topic translation unique",
    )
});

/// Whose password a word like `dbpass` holds.
pub(super) static OWNERS: Words = LazyLock::new(|| {
    split(
        "\
        admin ansible api app auth firebase become bind bitcoin db email ftp http imap jdbc key keystore ldap login mail \
        master mongo mqtt my mysql pg postgres proxy redis require root rpc service sftp smtp sql ssh store sudo \
        truststore user vnc vpn wallet web wifi",
    )
});

/// Every word that `keys` may take for a noun or for a part of one: most words of most names are none of these.
pub(super) static STEMS: Words = LazyLock::new(|| {
    split(
        "\
        become bind bindpw passe wd preshared presharedkey psk rpcauth store xpriv \
        access accesskey accesstoken account accountkey admin adminkey adminpass adminpw aezeed amqp answer api \
        apikey apikeys apitoken app appkey appsecret atm auth authentication authkey authorisation authorization \
        authtoken backup bank basic bearer bearertoken bitcoin bottoken card cert cipher clientsecret code codes \
        contrasena cookie cookies cred credential credentials credit creds csrftoken current cvc cvc2 cvv cvv2 \
        database db dbpass dbpw de debit device door email encryptionkey entropy fa factor ftp ftppass haslo hd hex \
        http idtoken imap inkey invoicekey jdbc jsessionid jwt jwts jwttoken kennwort key keys keystore ldap lock \
        login macaroon macaroons mail master masterkey mfa mnemonic mnemonics mongo mongodb mot motdepasse mqtt my \
        mypass mysql mysqlpass new nostr nsec nwc oauthtoken old one otp parental parola pass passcode passcodes \
        passe passphrase passphrases passwd passwds password passwordless passwords passwort passwrd pfx pg phpsessid \
        phrase phrases pin pincode postgres preimage preimages priv privatekey privatekeys privkey proxy psswd psw pw \
        pwd pwds pword rabbitmq recovery redis refreshtoken root rootpass rootpw rpc rune sas sastoken screen secret \
        secretaccesskey secretkey secrets security securitytoken seed seedphrase seedwords senha service sessionkey \
        sessiontoken set sftp sharedaccesskey sharedkey signer signin signingkey sim sk sms smtp smtppass social sql \
        ssh sshkey ssn sudo time token tokens totp truststore user userpass userpw usertoken verification verifier \
        vpn wachtwoord wallet heslo losenord sifre salasana jelszo lozinka adgangskode passord identitytoken \
        registrytoken seckey recoveryphrase walletseed masterseed backupcode recoverycode basicauth httpauth \
        dockerconfigjson dockercfg community material pem pepper pat notes note oauth private read write device response assertion samlresponse web wif wifi word words wp xprv xsrftoken",
    )
});
