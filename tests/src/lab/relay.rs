//! What QEMU's chardev does for the guest agent's socket: one client at a time, the others wait in
//! the backlog; the guest's end outlives its clients; what the guest sends while nobody listens is
//! lost, what it still sends reaches the next client; while no agent listens, requests wait.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixSocket, UnixStream};

const AGENT_RETRY: Duration = Duration::from_millis(20);

/// Opens the socket as QEMU does: backlog 1, so the second client's connect succeeds at once.
pub(super) fn listen(socket: &Path) -> io::Result<UnixListener> {
    // Left by an earlier run of the machine.
    let _ = std::fs::remove_file(socket);
    let listening = UnixSocket::new_stream()?;
    listening.bind(socket)?;
    listening.listen(1)
}

/// Serves clients of `listener` from the agent at `agent_socket`, for as long as "QEMU" lives.
pub(super) async fn serve(listener: UnixListener, agent_socket: PathBuf) {
    let mut client = None;
    loop {
        let mut agent = connect_agent(&listener, &mut client, &agent_socket).await;
        while pass_one(&listener, &mut client, &mut agent).await {}
    }
}

/// Waits for the agent. Meanwhile a client's bytes stay unread in its socket, and go with it.
async fn connect_agent(
    listener: &UnixListener,
    client: &mut Option<UnixStream>,
    agent_socket: &Path,
) -> UnixStream {
    loop {
        if let Ok(agent) = UnixStream::connect(agent_socket).await {
            return agent;
        }
        if client.as_ref().is_some_and(has_hung_up) {
            *client = None;
        }
        tokio::select! {
            accepted = listener.accept(), if client.is_none() => {
                *client = accepted.ok().map(|(stream, _)| stream);
            }
            () = tokio::time::sleep(AGENT_RETRY) => {}
        }
    }
}

/// Moves one piece in one direction, or takes the next client; false when the agent is gone.
async fn pass_one(
    listener: &UnixListener,
    client: &mut Option<UnixStream>,
    agent: &mut UnixStream,
) -> bool {
    let mut from_agent = vec![0; 64 << 10];
    let mut from_client = vec![0; 64 << 10];
    let Some(stream) = client.as_mut() else {
        tokio::select! {
            accepted = listener.accept() => *client = accepted.ok().map(|(stream, _)| stream),
            // Nobody listens: lost.
            read = agent.read(&mut from_agent) => return matches!(read, Ok(1..)),
        }
        return true;
    };
    tokio::select! {
        read = agent.read(&mut from_agent) => match read {
            Ok(length @ 1..) => {
                if stream.write_all(&from_agent[..length]).await.is_err() {
                    *client = None;
                }
                true
            }
            _ => false,
        },
        read = stream.read(&mut from_client) => if let Ok(length @ 1..) = read { agent.write_all(&from_client[..length]).await.is_ok() } else {
            *client = None;
            true
        },
    }
}

/// Whether the peer has closed, though bytes of it may be unread.
fn has_hung_up(stream: &UnixStream) -> bool {
    // Asked or not, a hang-up is reported.
    let mut fds = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    let closed = PollFlags::POLLHUP | PollFlags::POLLERR;
    poll(&mut fds, PollTimeout::ZERO).is_ok()
        && fds[0]
            .revents()
            .is_some_and(|events| events.intersects(closed))
}
