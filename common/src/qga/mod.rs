//! Client of the QEMU guest agent, over the socket that QEMU makes of a guest's virtio-serial port.
//!
//! What the socket does was measured against qemu-ga 7.2 and 10.0 behind QEMU's chardev:
//! `connect` succeeds while another client is served, replies of a client that left reach the next one,
//! half a request left behind spoils the next, and a silent agent looks like a slow one. So every
//! connection begins with a synchronisation under a random id, is short, and has a deadline per reply.

mod client;
mod connection;
mod error;
mod exec;
mod lock;
mod protocol;

pub use client::{GuestInfo, QgaClient};
pub use error::QgaError;
pub use exec::{Exec, ExecOutput, ExitKind};
