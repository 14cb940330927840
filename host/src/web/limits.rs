//! How many may come: the client's address as far as it can be trusted, and the connections that one address and all
//! together may hold and open. What is held is released exactly when its guard drops, however the connection ended. No
//! table here grows without a bound, whatever addresses the clients come from.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;

use super::error::{Problem, RefusedBy};
use super::unread::Unread;
use crate::clock;
use crate::metrics::{Metrics, Reason};
use crate::server::Peer;

/// Addresses of `X-Forwarded-For` that are looked at, from the right.
const MAX_HOPS: usize = 32;
/// Addresses that are kept track of at once. Each is forgotten within seconds of its last connection's end.
const MAX_ADDRESSES: usize = 262_144;
/// Connections that one address may open at once before its rate counts; a higher rate brings its own.
const BURST: f64 = 30.0;

// ------------------------------------------------------------------------------------------------- whose address

/// The proxies whose word on the client's address is taken (`--trusted-proxy`).
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// These networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client behind `peer`: the peer itself, or, behind a trusted proxy, the last address that it added to
    /// `X-Forwarded-For`, and so on while that is a trusted proxy too. Whatever stands left of that was sent by the
    /// client and is not believed.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = headers.get_all("x-forwarded-for").into_iter().collect::<Vec<_>>();
        let hops = lines.iter().rev().filter_map(|line| line.to_str().ok()).flat_map(|line| line.rsplit(','));
        for hop in hops.take(MAX_HOPS) {
            if !self.contain(client) {
                break;
            }
            let Some(address) = parse_hop(hop.trim()) else { break };
            client = address;
        }
        client
    }

    /// Whether the request came over TLS, as far as a trusted proxy says so; None when none does.
    #[must_use]
    pub fn secure(&self, peer: IpAddr, headers: &HeaderMap) -> Option<bool> {
        if !self.contain(peer) {
            return None;
        }
        let said = headers.get_all("x-forwarded-proto").into_iter().next_back()?.to_str().ok()?;
        Some(said.rsplit(',').next()?.trim().eq_ignore_ascii_case("https"))
    }
}

/// An address of `X-Forwarded-For`: some proxies add the port, and brackets around IPv6.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    parsed.map(|address| address.to_canonical())
}

/// The client's address, as a request carries it once [`client_ip`] has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for ClientIp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Without the middleware nobody's limits could be told apart: that is a defect, not a client's fault.
        parts.extensions.get::<Self>().copied().ok_or_else(Problem::internal)
    }
}

/// Whose address a request comes from, and what waits for that address.
pub struct Addresses {
    /// Whose word on it is taken.
    pub proxies: TrustedProxies,
    /// The answers that nobody has read yet.
    pub unread: Arc<Unread>,
}

/// Middleware: notes the client's address, and answers no more than it reads. What a `POST` came to is always told.
pub async fn client_ip(State(addresses): State<Arc<Addresses>>, mut request: Request, next: Next) -> Response {
    let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() else { return next.run(request).await };
    let client = addresses.proxies.client(peer.ip(), request.headers());
    request.extensions_mut().insert(ClientIp(client));
    let is_safe = request.method().is_safe();
    let answer = next.run(request).await;
    if is_safe { addresses.unread.hold(client, answer) } else { answer }
}

/// Whether this is a program on this very machine, not one behind a proxy on it: who may see `/metrics` without a token.
#[must_use]
pub fn is_local(peer: SocketAddr, headers: &HeaderMap) -> bool {
    const FORWARDING: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];
    peer.ip().to_canonical().is_loopback() && !FORWARDING.iter().any(|name| headers.contains_key(*name))
}

/// Middleware: counts what was refused, by cause.
pub async fn count_refused(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(RefusedBy(reason)) = response.extensions().get::<RefusedBy>().copied() {
        metrics.refused.get_or_create(&Reason { reason }).inc();
    }
    response
}

// -------------------------------------------------------------------------------------------------- how many

/// Whom a limit counts: one IPv4 address, or one IPv6 network of 64 bits, since that is what one household has.
pub(super) fn limited(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// What one address holds, and may open now.
struct Account {
    open: usize,
    /// Connections that may be opened at once, as of `at_ms`.
    tokens: f64,
    at_ms: u64,
}

struct Table {
    open: usize,
    accounts: HashMap<IpAddr, Account>,
    /// The size at which accounts that say nothing any more are looked for.
    sweep_at: usize,
    /// When they were last looked for.
    swept_ms: u64,
}

/// The WebSockets and SSE streams that are open, and those that may be opened.
pub struct ConnectionLimits {
    max: usize,
    max_per_ip: usize,
    /// New connections a second and address.
    rate_per_ip: f64,
    burst: f64,
    table: Mutex<Table>,
}

impl ConnectionLimits {
    /// At most `max` at once, `max_per_ip` of one address, and `rate_per_ip` new ones a second and address, 30 at once.
    #[must_use]
    pub fn new(max: usize, max_per_ip: usize, rate_per_ip: u32) -> Arc<Self> {
        let rate_per_ip = f64::from(rate_per_ip.max(1));
        Arc::new(Self {
            max,
            max_per_ip,
            rate_per_ip,
            burst: rate_per_ip.max(BURST),
            table: Mutex::new(Table { open: 0, accounts: HashMap::new(), sweep_at: 1_024, swept_ms: 0 }),
        })
    }

    /// How many are open now.
    #[must_use]
    pub fn open_now(&self) -> usize {
        self.lock().open
    }

    /// Opens one for the client at `ip`; it counts till the guard drops.
    ///
    /// # Errors
    /// 429: the address opens them too fast or holds too many, or the server is full.
    pub fn open(self: &Arc<Self>, ip: IpAddr) -> Result<ConnectionGuard, Problem> {
        self.open_at(ip, clock::monotonic_ms())
    }

    fn open_at(self: &Arc<Self>, ip: IpAddr, now_ms: u64) -> Result<ConnectionGuard, Problem> {
        let ip = limited(ip);
        let mut table = self.lock();
        let table = &mut *table;
        // A table that is full is looked through once a second, not for each who is turned away.
        let is_stuck = table.accounts.len() >= MAX_ADDRESSES && now_ms >= table.swept_ms + 1_000;
        if table.accounts.len() >= table.sweep_at || is_stuck {
            table.accounts.retain(|_, account| account.open > 0 || self.tokens(account, now_ms) < self.burst);
            table.sweep_at = (table.accounts.len() * 2).max(1_024);
            table.swept_ms = now_ms;
        }
        if table.accounts.len() >= MAX_ADDRESSES && !table.accounts.contains_key(&ip) {
            return Err(Problem::too_many("connections come from too many addresses now", 3).counted_as("addresses"));
        }
        let fresh = Account { open: 0, tokens: self.burst, at_ms: now_ms };
        let account = table.accounts.entry(ip).or_insert(fresh);
        account.tokens = self.tokens(account, now_ms);
        account.at_ms = now_ms;
        if account.tokens < 1.0 {
            return Err(
                Problem::too_many("this address opens connections too fast", 1).counted_as("connect_rate_per_ip")
            );
        }
        if account.open >= self.max_per_ip {
            let detail = format!("this address holds {} connections, the most it may", self.max_per_ip);
            return Err(Problem::too_many(detail, 5).counted_as("connections_per_ip"));
        }
        if table.open >= self.max {
            let detail = "the server holds as many connections as it may";
            return Err(Problem::too_many(detail, 5).counted_as("connections"));
        }
        account.tokens -= 1.0;
        account.open += 1;
        table.open += 1;
        Ok(ConnectionGuard { limits: Arc::clone(self), ip })
    }

    /// What the account may open at `now_ms`.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since the last connection need no 53 bits")]
    fn tokens(&self, account: &Account, now_ms: u64) -> f64 {
        let seconds = now_ms.saturating_sub(account.at_ms) as f64 / 1_000.0;
        (account.tokens + seconds * self.rate_per_ip).min(self.burst)
    }

    fn release(&self, ip: IpAddr) {
        let mut table = self.lock();
        table.open = table.open.saturating_sub(1);
        if let Some(account) = table.accounts.get_mut(&ip) {
            account.open = account.open.saturating_sub(1);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open connection. It lives with the socket.
pub struct ConnectionGuard {
    limits: Arc<ConnectionLimits>,
    ip: IpAddr,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.limits.release(self.ip);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn forwarded(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        headers
    }

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()])
    }

    #[test]
    fn the_header_is_believed_behind_a_trusted_proxy_only() {
        let headers = forwarded(&["1.1.1.1"]);
        assert_eq!(proxies().client(ip("10.0.0.1"), &headers), ip("1.1.1.1"));
        assert_eq!(proxies().client(ip("::ffff:10.0.0.1"), &headers), ip("1.1.1.1"));
        assert_eq!(proxies().client(ip("9.9.9.9"), &headers), ip("9.9.9.9"));
        assert_eq!(TrustedProxies::default().client(ip("10.0.0.1"), &headers), ip("10.0.0.1"));
    }

    #[test]
    fn the_last_address_counts_and_what_the_client_claims_does_not() {
        let client = |lines: &[&str]| proxies().client(ip("10.0.0.1"), &forwarded(lines));
        assert_eq!(client(&["6.6.6.6, 1.1.1.1"]), ip("1.1.1.1"));
        assert_eq!(client(&["6.6.6.6", "1.1.1.1"]), ip("1.1.1.1"));
        assert_eq!(client(&["6.6.6.6, 1.1.1.1, 10.2.3.4"]), ip("1.1.1.1"), "a chain of trusted proxies");
        assert_eq!(client(&["[2001:db8::1]:4711"]), ip("2001:db8::1"));
        assert_eq!(client(&["[2001:db8::1]"]), ip("2001:db8::1"));
        assert_eq!(client(&["1.1.1.1:80"]), ip("1.1.1.1"));
        assert_eq!(client(&["1.1.1.1, junk"]), ip("10.0.0.1"), "what cannot be read is where it ends");
        assert_eq!(client(&[""]), ip("10.0.0.1"));
        assert_eq!(client(&["10.9.9.9"]), ip("10.9.9.9"));
    }

    #[test]
    fn connections_held_are_exact() {
        let limits = ConnectionLimits::new(3, 2, 10);
        let a1 = limits.open_at(ip("1.1.1.1"), 0).unwrap();
        let _a2 = limits.open_at(ip("1.1.1.1"), 0).unwrap();
        let refused = limits.open_at(ip("::ffff:1.1.1.1"), 0).map(drop).unwrap_err();
        assert_eq!(refused.status(), 429);
        let _b = limits.open_at(ip("2.2.2.2"), 0).unwrap();
        assert_eq!(limits.open_at(ip("3.3.3.3"), 0).map(drop).unwrap_err().status(), 429);
        drop(a1);
        assert_eq!(limits.open_now(), 2);
        let again = limits.open_at(ip("1.1.1.1"), 0).unwrap();
        drop(again);
        assert_eq!(limits.open_now(), 2);
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let limits = ConnectionLimits::new(10, 1, 10);
        let _held = limits.open_at(ip("2001:db8:0:1::1"), 0).unwrap();
        assert!(limits.open_at(ip("2001:db8:0:1:ffff::2"), 0).is_err());
        assert!(limits.open_at(ip("2001:db8:0:2::1"), 0).is_ok());
    }

    #[test]
    fn a_burst_of_thirty_then_the_rate() {
        let limits = ConnectionLimits::new(1_000, 1_000, 10);
        for _ in 0..30 {
            limits.open_at(ip("1.1.1.1"), 0).unwrap();
        }
        assert!(limits.open_at(ip("1.1.1.1"), 50).is_err());
        assert!(limits.open_at(ip("2.2.2.2"), 50).is_ok(), "another address has its own");
        assert!(limits.open_at(ip("1.1.1.1"), 100).is_ok());
        assert!(limits.open_at(ip("1.1.1.1"), 100).is_err());
        assert_eq!((0..40).filter(|_| limits.open_at(ip("1.1.1.1"), 60_000).is_ok()).count(), 30);
    }

    #[test]
    fn addresses_that_say_nothing_any_more_are_forgotten() {
        let limits = ConnectionLimits::new(10, 10, 10);
        let held = limits.open_at(ip("9.9.9.9"), 0).unwrap();
        for n in 0..20_000_u32 {
            limits.open_at(IpAddr::V4(n.into()), u64::from(n)).unwrap();
        }
        assert!(limits.lock().accounts.len() <= 1_024);
        assert!(limits.lock().accounts.contains_key(&ip("9.9.9.9")), "one that holds a connection is kept");
        drop(held);
    }

    #[test]
    fn a_table_that_was_full_takes_new_addresses_again() {
        let limits = ConnectionLimits::new(10, 10, 10);
        let most = u32::try_from(MAX_ADDRESSES).unwrap();
        for n in 0..most {
            limits.open_at(IpAddr::V4(n.into()), 0).unwrap();
        }
        assert_eq!(limits.open_at(ip("250.1.1.1"), 0).map(drop).unwrap_err().status(), 429);
        assert!(limits.open_at(ip("250.1.1.1"), 60_000).is_ok(), "those that say nothing any more were forgotten");
    }

    #[test]
    fn a_proxy_on_this_machine_is_not_local() {
        let peer = "127.0.0.1:9".parse().unwrap();
        assert!(is_local(peer, &HeaderMap::new()));
        assert!(is_local("[::1]:9".parse().unwrap(), &HeaderMap::new()));
        assert!(!is_local(peer, &forwarded(&["127.0.0.1"])));
        assert!(!is_local("10.0.0.1:9".parse().unwrap(), &HeaderMap::new()));
    }
}
