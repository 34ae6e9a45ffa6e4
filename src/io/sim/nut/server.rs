//! The simulated upsd's sockets: bounded connections, lines and idleness; while the output is off nobody is at home.

use super::talk::{Reply, Talk};
use super::{SimUpsFault, Unit};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const MOST_CONNECTIONS: usize = 16;
const LONGEST_LINE: usize = 1_024;
const IDLE: Duration = Duration::from_secs(60);

pub(super) async fn listen(
    addr: SocketAddr,
    first: TcpListener,
    unit: Arc<Unit>,
    mut faults: watch::Receiver<SimUpsFault>,
) {
    let mut listener = Some(first);
    loop {
        let fault = *faults.borrow_and_update();
        // Ends with each change of the fault; the connections end with it.
        let mut connections = JoinSet::new();
        if fault == SimUpsFault::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(addr).await.ok();
        }
        loop {
            tokio::select! {
                changed = faults.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                accepted = accept(listener.as_ref()) => {
                    while connections.try_join_next().is_some() {}
                    if let Ok((stream, from)) = accepted && connections.len() < MOST_CONNECTIONS {
                        let talk = Talk::new(Arc::clone(&unit), fault, from.ip());
                        connections.spawn(serve(stream, Arc::clone(&unit), talk, fault));
                    }
                }
                // The port was taken by somebody else meanwhile: try again.
                () = tokio::time::sleep(Duration::from_millis(200)), if listener.is_none() => {
                    if fault != SimUpsFault::Refuse {
                        break;
                    }
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn serve(mut stream: TcpStream, unit: Arc<Unit>, mut talk: Talk, fault: SimUpsFault) {
    let mut waiting = Vec::new();
    let mut chunk = [0; 512];
    loop {
        let read = tokio::time::timeout(IDLE, stream.read(&mut chunk)).await;
        let Ok(Ok(count @ 1..)) = read else { return };
        waiting.extend_from_slice(&chunk[..count]);
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).take(end).collect();
            // upsd runs on the machine behind the output.
            if !unit.device().output() {
                return;
            }
            let reply = match fault {
                SimUpsFault::Silent => continue,
                SimUpsFault::Garbage => Reply::go_on("\u{1}\u{2}BEGIN \"LIST VAR ups.status \"\"OL\n"),
                SimUpsFault::Slow(ms) => {
                    tokio::time::sleep(Duration::from_millis(ms.into())).await;
                    talk.reply(&line)
                }
                SimUpsFault::None | SimUpsFault::Stale | SimUpsFault::DriverGone | SimUpsFault::Refuse => {
                    talk.reply(&line)
                }
            };
            let sent = tokio::time::timeout(IDLE, stream.write_all(reply.text.as_bytes())).await;
            if !matches!(sent, Ok(Ok(()))) || reply.last {
                return;
            }
        }
        if waiting.len() >= LONGEST_LINE {
            return;
        }
    }
}
