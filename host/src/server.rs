//! Placeholder

/// Who sits at the other end of the connection; stands in every request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub std::net::SocketAddr);
