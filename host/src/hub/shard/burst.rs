//! Many small writes with one entry into the kernel: the frames of a round go to their sockets through io_uring, where
//! the system has it. Without it (an old kernel, a container that forbids it) every socket is written to by itself.
//!
//! Always true: when [`Burst::write`] returns, each of its writes has happened or failed, and nothing in the kernel
//! refers to the bytes any more. It never waits for a socket.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use io_uring::{IoUring, Probe, opcode, types};

/// Writes of one entry at most. Some of the saving is had with 8 already; more than this only delays the first result.
pub const MOST: usize = 256;

/// One write: these bytes to this socket.
pub struct Write<'a> {
    /// A stream socket.
    pub socket: BorrowedFd<'a>,
    /// Not empty.
    pub bytes: &'a [u8],
}

/// The ring of one shard. It belongs to the thread that made it.
pub struct Burst {
    ring: IoUring,
}

impl Burst {
    /// None where the system has no io_uring for us.
    pub fn new() -> Option<Self> {
        let entries = u32::try_from(MOST).ok()?;
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .build(entries)
            .or_else(|_| IoUring::new(entries))
            .inspect_err(|error| tracing::debug!(%error, "no io_uring: sockets are written to one by one"))
            .ok()?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe).ok()?;
        probe.is_supported(opcode::Send::CODE).then_some(Self { ring })
    }

    /// Do all of `writes`, at most [`MOST`], and put what each came to into `results`, in their order: bytes written, or
    /// `WouldBlock` where the socket takes nothing now.
    ///
    /// # Errors
    /// The ring itself failed: what has no result was not done, and the ring is of no more use.
    pub fn write(&mut self, writes: &[Write<'_>], results: &mut Vec<Option<io::Result<usize>>>) -> io::Result<()> {
        results.clear();
        results.resize_with(writes.len(), || None);
        for (index, write) in (0..).zip(writes) {
            let length = u32::try_from(write.bytes.len()).unwrap_or(u32::MAX);
            let entry = opcode::Send::new(types::Fd(write.socket.as_raw_fd()), write.bytes.as_ptr(), length)
                .flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
                .build()
                .user_data(index);
            // SAFETY: the socket and the bytes are borrowed until this function returns, and it returns only when the
            // kernel has completed every entry that it took. A full queue is no matter of safety; `MOST` prevents it.
            unsafe { self.ring.submission().push(&entry) }.map_err(io::Error::other)?;
        }
        // `MSG_DONTWAIT`: each write is done, or refused, while it is submitted, so that this waits for nothing.
        let mut missing = writes.len();
        while missing > 0 {
            match self.ring.submit_and_wait(missing) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for completed in self.ring.completion() {
                missing = missing.saturating_sub(1);
                let result = match usize::try_from(completed.result()) {
                    Ok(written) => Ok(written),
                    Err(_) => Err(io::Error::from_raw_os_error(-completed.result())),
                };
                if let Some(slot) = usize::try_from(completed.user_data()).ok().and_then(|index| results.get_mut(index))
                {
                    *slot = Some(result);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use std::io::{ErrorKind, Read as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let far = listener.accept().unwrap().0;
        near.set_nonblocking(true).unwrap();
        (near, far)
    }

    #[test]
    fn each_socket_gets_its_own_bytes() {
        let Some(mut burst) = Burst::new() else {
            eprintln!("left out: this system has no io_uring");
            return;
        };
        let mut pairs: Vec<_> = (0..100).map(|_| pair()).collect();
        let texts: Vec<String> = (0..100).map(|n| format!("message {n}")).collect();
        let mut results = Vec::new();
        for _ in 0..3 {
            let writes: Vec<_> = pairs
                .iter()
                .zip(&texts)
                .map(|((near, _), text)| Write { socket: near.as_fd(), bytes: text.as_bytes() })
                .collect();
            burst.write(&writes, &mut results).unwrap();
            for ((_, far), (text, result)) in pairs.iter_mut().zip(texts.iter().zip(&results)) {
                assert_eq!(*result.as_ref().unwrap().as_ref().unwrap(), text.len());
                let mut read = vec![0; text.len()];
                far.read_exact(&mut read).unwrap();
                assert_eq!(read, text.as_bytes());
            }
        }
    }

    #[test]
    fn a_full_socket_and_a_closed_one_are_told_apart_and_hold_up_nobody() {
        let Some(mut burst) = Burst::new() else {
            eprintln!("left out: this system has no io_uring");
            return;
        };
        let ((full, _unread), (closed, gone), (well, mut far)) = (pair(), pair(), pair());
        drop(gone);
        let big = vec![b'x'; 64 * 1024];
        let mut results = Vec::new();
        let mut saw = (false, false);
        for _ in 0..1_000 {
            let writes = [&full, &closed, &well].map(|near| Write {
                socket: near.as_fd(),
                bytes: if std::ptr::eq(near, &raw const well) { b"." } else { &big },
            });
            burst.write(&writes, &mut results).unwrap();
            saw.0 |= results[0].as_ref().unwrap().as_ref().is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
            saw.1 |= results[1].as_ref().unwrap().as_ref().is_err_and(|e| e.kind() != ErrorKind::WouldBlock);
            assert_eq!(*results[2].as_ref().unwrap().as_ref().unwrap(), 1);
            far.read_exact(&mut [0]).unwrap();
            if saw == (true, true) {
                return;
            }
        }
        panic!("{saw:?}");
    }
}
