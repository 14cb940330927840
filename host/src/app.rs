//! The assembly of the parts into a running server. Placeholder: doors, sessions and a listening line; no feed yet.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;

use crate::config::ServeOptions;
use crate::server::{self, ServerOptions};
use crate::web::auth::Auth;

/// What a caller is told once the server accepts connections.
pub struct Ready {
    /// Where it listens, with the port that was picked.
    pub address: SocketAddr,
    /// Its keys, to mint a sign-in token with.
    pub auth: Arc<Auth>,
}

/// Runs a server till it is told to stop; calls `ready` once it accepts connections.
///
/// # Errors
/// It cannot start: the keys, the store or the address are of no use.
pub fn run(options: &ServeOptions, ready: impl FnOnce(&Ready)) -> anyhow::Result<()> {
    let auth = Arc::new(Auth::new(options.keys.clone())?);
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = server::bind(options.listen)?;
        ready(&Ready { address: listener.local_addr()?, auth });
        let bounds = ServerOptions { max_connections: options.max_connections, drain_timeout: options.drain_timeout };
        let stop = async {
            let _ = tokio::signal::ctrl_c().await;
        };
        server::serve(listener, Router::new(), bounds, stop).await;
        Ok(())
    })
}
