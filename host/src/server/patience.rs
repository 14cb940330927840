//! How long a client may take to read what it is sent. hyper waits for a reader as long as the kernel does, and holds the
//! answer meanwhile; a [`Patient`] stream gives it up.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// What a client that is behind has to take at least, on average, to be given as much time again.
const BYTES_A_SECOND: u64 = 16_384;

/// A TCP stream whose writes fail with [`io::ErrorKind::TimedOut`] when the other end does not read.
///
/// The time runs from the first write that has to wait, until everything that was given to the stream has been taken; a
/// client that takes something all the while is given as much time again.
pub struct Patient {
    stream: TcpStream,
    patience: Duration,
    behind: Option<Behind>,
    /// Whether there is one, for whoever asks from outside.
    is_behind: Arc<AtomicBool>,
}

/// The other end has not taken everything yet.
struct Behind {
    /// Bytes since the alarm was set.
    taken: u64,
    alarm: Pin<Box<Sleep>>,
}

impl Patient {
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, behind: None, is_behind: Arc::default() }
    }

    /// True while the other end has not taken everything.
    pub(super) fn is_behind(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_behind)
    }

    /// The bare stream, which waits for ever.
    pub fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// What a write came to, unless the client's time is over.
    fn judged(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            if let (Ok(bytes), Some(behind)) = (&written, &mut self.behind) {
                behind.taken += *bytes as u64;
            }
            return Poll::Ready(written);
        }
        let patience = self.patience;
        let new = || Behind { taken: 0, alarm: Box::pin(sleep(patience)) };
        self.is_behind.store(true, Ordering::Relaxed);
        let behind = self.behind.get_or_insert_with(new);
        loop {
            ready!(behind.alarm.as_mut().poll(cx));
            if u128::from(behind.taken) * 1_000 < u128::from(BYTES_A_SECOND) * patience.as_millis() {
                let why = "the client does not read its answer";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
            }
            behind.taken = 0;
            behind.alarm.as_mut().reset(Instant::now() + patience);
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judged(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.judged(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when hyper has nothing more to write: the client is no longer behind.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.behind.take().is_some() {
            self.is_behind.store(false, Ordering::Relaxed);
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair(patience: Duration) -> (Patient, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Patient::new(listener.accept().await.unwrap().0, patience), client)
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_given_up() {
        let (mut server, _client) = pair(Duration::from_millis(50)).await;
        let error = server.write_all(&vec![0; 64 << 20]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_slow_client_has_the_time_that_its_bytes_need_and_a_new_one_once_it_has_caught_up() {
        let (mut server, mut client) = pair(Duration::from_millis(100)).await;
        let reading = tokio::spawn(async move {
            let mut some = vec![0; 1 << 20];
            let mut read = 0;
            while let Ok(n @ 1..) = client.read(&mut some).await {
                read += n;
                sleep(Duration::from_millis(5)).await;
            }
            read
        });
        let answer = vec![0; 64 << 20];
        // Each takes longer than a client that reads nothing would have.
        for _ in 0..2 {
            server.write_all(&answer).await.unwrap();
            server.flush().await.unwrap();
            assert!(server.behind.is_none());
        }
        drop(server);
        assert_eq!(reading.await.unwrap(), 2 * answer.len());
    }
}
