//! The power state of one machine: what a hypervisor keeps for each of its guests.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Child;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;

use super::control::Power;
use super::error::LabError;
use super::machine::{Hardware, blocking};
use super::run::Run;
use super::{docker_proxy, relay};

/// SIGRTMIN+4: systemd as pid 1 starts poweroff.target (systemd(1), SIGNALS).
const POWER_OFF_SIGNAL: &str = "-RTMIN+4";

/// A machine of the lab; every change of its power goes through here, one at a time.
#[derive(Debug)]
pub(super) struct PoweredMachine {
    pub(super) hardware: Hardware,
    state: Mutex<State>,
    running: watch::Sender<bool>,
    /// Where an end is told that no Proxmox task waits for (qmeventd's part).
    ended: mpsc::UnboundedSender<UnattendedEnd>,
}

/// A guest's QEMU ended by itself.
#[derive(Debug, Clone)]
pub(super) struct UnattendedEnd {
    pub(super) machine: String,
    /// The guest shut itself down; otherwise it crashed or was killed.
    pub(super) by_guest: bool,
}

#[derive(Debug, Default)]
struct State {
    boots: u32,
    /// Counts starts, so that a watcher of an earlier one knows that it is late.
    start: u32,
    /// Tasks that live as long as the machine's QEMU would.
    services: Vec<JoinHandle<()>>,
    on: bool,
    by_task: bool,
    resetting: bool,
}

impl PoweredMachine {
    pub(super) fn new(
        hardware: Hardware,
        ended: mpsc::UnboundedSender<UnattendedEnd>,
    ) -> Arc<Self> {
        Arc::new(Self {
            hardware,
            state: Mutex::default(),
            running: watch::Sender::new(false),
            ended,
        })
    }

    pub(super) async fn status(&self) -> Power {
        let state = self.state.lock().await;
        Power {
            running: state.on,
            init: self.hardware.init().map(|init| init.pid),
            boots: state.boots,
        }
    }

    pub(super) async fn start(self: &Arc<Self>) -> Result<(), LabError> {
        let mut state = self.state.lock().await;
        if state.on {
            return Err(self.hardware.wrong("runs already"));
        }
        let services = match self.open_sockets() {
            Ok(services) => services,
            Err(error) => {
                self.close_sockets();
                return Err(error);
            }
        };
        state.services = services;
        state.start += 1;
        if let Err(error) = self.boot(&mut state).await {
            self.end(&mut state);
            state.start += 1;
            let hardware = self.hardware.clone();
            blocking(move || hardware.kill().and_then(|()| hardware.sweep())).await?;
            return Err(error);
        }
        state.on = true;
        state.by_task = false;
        self.running.send_replace(true);
        Ok(())
    }

    /// The machine's systemd starts; somebody watches for its end.
    async fn boot(self: &Arc<Self>, state: &mut State) -> Result<(), LabError> {
        let (child, _) = self.hardware.start().await?;
        state.boots += 1;
        tokio::spawn(Arc::clone(self).watch(child, state.start));
        Ok(())
    }

    /// A loop over the boots of one QEMU: it ends when the machine is off.
    async fn watch(self: Arc<Self>, mut child: Child, start: u32) {
        loop {
            let status = child.wait().await;
            let mut state = self.state.lock().await;
            if state.start != start {
                return;
            }
            let hardware = self.hardware.clone();
            if let Err(error) = blocking(move || hardware.sweep()).await {
                log(&error);
            }
            let again = state.on && (state.resetting || asked_for_reboot(&status));
            state.resetting = false;
            if again {
                match self.hardware.start().await {
                    Ok((next, _)) => {
                        state.boots += 1;
                        child = next;
                        continue;
                    }
                    Err(error) => log(&error),
                }
            }
            self.off(&mut state, &status);
            return;
        }
    }

    fn off(&self, state: &mut State, status: &std::io::Result<ExitStatus>) {
        let attended = state.by_task || !state.on;
        self.end(state);
        if !attended {
            // Nobody listens while the lab goes down.
            let _ = self.ended.send(UnattendedEnd {
                machine: self.hardware.machine.name.clone(),
                by_guest: asked_for_power_off(status),
            });
        }
    }

    fn end(&self, state: &mut State) {
        for service in state.services.drain(..) {
            service.abort();
        }
        self.close_sockets();
        state.on = false;
        self.running.send_replace(false);
    }

    pub(super) async fn kill(&self, by_task: bool) -> Result<(), LabError> {
        if !self.expect_end(by_task).await {
            return Ok(());
        }
        let hardware = self.hardware.clone();
        blocking(move || hardware.kill()).await?;
        if self.await_off(Duration::from_secs(30)).await {
            return Ok(());
        }
        Err(self.hardware.wrong("was killed and still runs"))
    }

    pub(super) async fn power_button(&self, by_task: bool) -> Result<(), LabError> {
        if !self.expect_end(by_task).await {
            return Ok(());
        }
        let Some(init) = self.hardware.init() else {
            return Ok(());
        };
        // Real-time signals have names in a shell only.
        let command = format!("kill {POWER_OFF_SIGNAL} {}", init.pid);
        blocking(move || Run::new(["bash", "-c", &command]).ok()).await?;
        Ok(())
    }

    pub(super) async fn reset(&self) -> Result<(), LabError> {
        let mut state = self.state.lock().await;
        if !state.on {
            return Err(self.hardware.wrong("does not run"));
        }
        state.resetting = true;
        let boots = state.boots;
        if let Some(init) = self.hardware.init() {
            init.signal(Signal::SIGKILL);
        }
        drop(state);
        for _ in 0..1500 {
            let now = self.state.lock().await.boots;
            if now > boots {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(self.hardware.wrong("did not boot again after the reset"))
    }

    /// Whether it went off in time; if not, nobody waits for its end any more.
    pub(super) async fn await_off(&self, longest: Duration) -> bool {
        let mut running = self.running.subscribe();
        let off = running.wait_for(|running| !running);
        let in_time = tokio::time::timeout(longest, off).await.is_ok();
        if !in_time {
            self.state.lock().await.by_task = false;
        }
        in_time
    }

    async fn expect_end(&self, by_task: bool) -> bool {
        let mut state = self.state.lock().await;
        state.by_task = by_task;
        state.on
    }

    /// The sockets QEMU would make, and dockerd's proxy.
    fn open_sockets(&self) -> Result<Vec<JoinHandle<()>>, LabError> {
        let run = self.hardware.place.run();
        std::fs::create_dir_all(&run).map_err(LabError::path("create", &run))?;
        let Some(vmid) = self.hardware.machine.vmid else {
            return Ok(Vec::new());
        };
        let qga = self.hardware.layout.qga(vmid);
        let agent = relay::listen(&qga).map_err(LabError::path("listen at", &qga))?;
        let relay = tokio::spawn(relay::serve(agent, run.join("qga.sock")));
        let docker = docker_proxy::listen(&run.join("docker.sock"))?;
        let log = self.hardware.place.docker_requests();
        let proxy = tokio::spawn(docker_proxy::serve(docker, run.join("dockerd.sock"), log));
        let pid = self
            .hardware
            .layout
            .run_qemu_server()
            .join(format!("{vmid}.pid"));
        // As QEMU's pid file; nothing real stands behind the number in the node.
        let _ = std::fs::write(pid, "1\n");
        Ok(vec![relay, proxy])
    }

    fn close_sockets(&self) {
        let _ = std::fs::remove_file(self.hardware.place.run().join("docker.sock"));
        if let Some(vmid) = self.hardware.machine.vmid {
            let _ = std::fs::remove_file(self.hardware.layout.qga(vmid));
            let folder = self.hardware.layout.run_qemu_server();
            let _ = std::fs::remove_file(folder.join(format!("{vmid}.pid")));
        }
    }
}

/// ``pid_namespaces(7)``: reboot(2) in a pid namespace kills its pid 1 with SIGHUP (restart) or SIGINT
/// (halt, power off); `unshare` then ends with the same signal.
fn asked_for_reboot(status: &std::io::Result<ExitStatus>) -> bool {
    ended_by(status, Signal::SIGHUP)
}

fn asked_for_power_off(status: &std::io::Result<ExitStatus>) -> bool {
    ended_by(status, Signal::SIGINT) || status.as_ref().is_ok_and(ExitStatus::success)
}

fn ended_by(status: &std::io::Result<ExitStatus>, signal: Signal) -> bool {
    let number = signal as i32;
    status
        .as_ref()
        .is_ok_and(|status| status.signal() == Some(number) || status.code() == Some(128 + number))
}

#[expect(clippy::print_stderr, reason = "the log of the lab's process")]
fn log(error: &LabError) {
    eprintln!("lab: {error}");
}
