//! Where there is no io_uring, every socket is written to by itself.

use std::io;
use std::os::fd::BorrowedFd;

/// See the Linux side.
pub const MOST: usize = 256;

/// See the Linux side.
#[expect(dead_code, reason = "nothing is ever staged here")]
pub struct Write<'a> {
    /// A stream socket.
    pub socket: BorrowedFd<'a>,
    /// Not empty.
    pub bytes: &'a [u8],
}

/// There is none.
pub enum Burst {}

impl Burst {
    /// None.
    pub fn new() -> Option<Self> {
        None
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub fn write(&mut self, _: &[Write<'_>], _: &mut Vec<Option<io::Result<usize>>>) -> io::Result<()> {
        match *self {}
    }
}
