//! The power state of one machine: what a hypervisor keeps for each of its guests.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Child;
use tokio::sync::{Mutex, MutexGuard, mpsc, watch};

use super::control::{Power, QemuStatus};
use super::error::LabError;
use super::machine::{Hardware, blocking};
use super::qmp::SharedStatus;
use super::run::Run;
use super::sockets::Sockets;

/// SIGRTMIN+4: systemd as pid 1 starts poweroff.target (`systemd(1)`, SIGNALS).
const POWER_OFF_SIGNAL: &str = "-RTMIN+4";

/// A machine of the lab; every change of its power goes through here, one at a time.
#[derive(Debug)]
pub(super) struct PoweredMachine {
    pub(super) hardware: Hardware,
    state: Mutex<State>,
    qemu: SharedStatus,
    running: watch::Sender<bool>,
    /// A guest that is only played does what its power button says.
    obeys: Arc<AtomicBool>,
    /// Where qmeventd hears of every end of a QEMU.
    ended: mpsc::UnboundedSender<QemuEnd>,
}

/// A guest's QEMU has ended, for whatever reason.
#[derive(Debug, Clone)]
pub(super) struct QemuEnd {
    pub(super) machine: String,
    /// The guest shut itself down; otherwise it crashed or was killed.
    pub(super) by_guest: bool,
}

#[derive(Debug, Default)]
struct State {
    /// QEMU is there.
    on: bool,
    sockets: Sockets,
    boots: u32,
    /// Counts starts, so that a watcher of an earlier one knows that it is late.
    start: u32,
    resetting: bool,
}

impl PoweredMachine {
    pub(super) fn new(hardware: Hardware, ended: mpsc::UnboundedSender<QemuEnd>) -> Arc<Self> {
        Arc::new(Self {
            hardware,
            state: Mutex::default(),
            qemu: SharedStatus::default(),
            running: watch::Sender::new(false),
            obeys: Arc::new(AtomicBool::new(true)),
            ended,
        })
    }

    pub(super) async fn status(&self) -> Power {
        let state = self.state.lock().await;
        Power {
            running: state.on,
            status: self.qemu_status(),
            init: self.hardware.init().map(|init| init.pid),
            boots: state.boots,
        }
    }

    /// Makes QEMU; boots the guest when `status` is running.
    pub(super) async fn start(self: &Arc<Self>, status: QemuStatus) -> Result<(), LabError> {
        let mut state = self.state.lock().await;
        if state.on {
            return Err(self.hardware.wrong("runs already"));
        }
        self.set_qemu_status(status);
        let (off, told_off) = mpsc::unbounded_channel();
        state.sockets = Sockets::open(
            &self.hardware,
            Arc::clone(&self.qemu),
            off,
            Arc::clone(&self.obeys),
        )?;
        state.start += 1;
        if self.hardware.machine.double.is_some() {
            tokio::spawn(Arc::clone(self).watch_double(told_off, state.start));
        } else if status == QemuStatus::Running {
            self.boot(&mut state).await?;
        }
        state.on = true;
        self.running.send_replace(true);
        Ok(())
    }

    /// The machine's systemd starts; somebody watches for its end.
    async fn boot(self: &Arc<Self>, state: &mut State) -> Result<(), LabError> {
        match self.hardware.start().await {
            Ok((child, _)) => {
                state.boots += 1;
                tokio::spawn(Arc::clone(self).watch(child, state.start));
                Ok(())
            }
            Err(error) => {
                self.end(state);
                state.start += 1;
                let hardware = self.hardware.clone();
                blocking(move || hardware.kill().and_then(|()| hardware.sweep())).await?;
                Err(error)
            }
        }
    }

    /// A guest that is only played goes off by its agent.
    async fn watch_double(self: Arc<Self>, mut off: mpsc::UnboundedReceiver<()>, start: u32) {
        if off.recv().await.is_some() {
            let mut state = self.state.lock().await;
            if state.start == start {
                self.off(&mut state, true);
            }
        }
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
            self.off(&mut state, asked_for_power_off(&status));
            return;
        }
    }

    fn off(&self, state: &mut State, by_guest: bool) {
        let was_on = state.on;
        self.end(state);
        if was_on {
            // Nobody listens while the lab goes down.
            let _ = self.ended.send(QemuEnd {
                machine: self.hardware.machine.name.clone(),
                by_guest,
            });
        }
    }

    fn end(&self, state: &mut State) {
        state.sockets = Sockets::default();
        state.on = false;
        self.running.send_replace(false);
    }

    pub(super) async fn kill(&self) -> Result<(), LabError> {
        let mut state = self.state.lock().await;
        if !state.on {
            return Ok(());
        }
        if self.hardware.init().is_none() {
            // A QEMU whose guest never ran.
            self.off(&mut state, false);
            return Ok(());
        }
        drop(state);
        self.thaw().await?;
        let hardware = self.hardware.clone();
        blocking(move || hardware.kill()).await?;
        if self.await_off(Duration::from_secs(30)).await {
            return Ok(());
        }
        Err(self.hardware.wrong("was killed and still runs"))
    }

    /// Whether a played guest goes off when it is asked to.
    pub(super) fn obey(&self, obeys: bool) {
        self.obeys.store(obeys, Ordering::Relaxed);
    }

    /// Ends it and empties its disks.
    pub(super) async fn wipe(&self) -> Result<(), LabError> {
        self.kill().await?;
        let _state = self.state.lock().await;
        let folder = self.hardware.place.folder().to_owned();
        blocking(move || super::cache::remove(&folder)).await
    }

    pub(super) async fn power_button(&self) -> Result<(), LabError> {
        let mut state = self.locked_on().await?;
        if self.hardware.machine.double.is_some() {
            if self.obeys.load(Ordering::Relaxed) {
                self.off(&mut state, true);
            }
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
        let mut state = self.locked_on().await?;
        if self.hardware.machine.double.is_some() {
            state.boots += 1;
            return Ok(());
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

    pub(super) async fn pause(&self) -> Result<(), LabError> {
        let _state = self.locked_on().await?;
        self.set_qemu_status(QemuStatus::Paused);
        if self.hardware.machine.double.is_some() {
            return Ok(());
        }
        let hardware = self.hardware.clone();
        blocking(move || hardware.freeze(true)).await
    }

    /// Lets the guest run: for the first time, or on from where it was frozen.
    pub(super) async fn proceed(self: &Arc<Self>) -> Result<(), LabError> {
        let mut state = self.locked_on().await?;
        self.set_qemu_status(QemuStatus::Running);
        if self.hardware.machine.double.is_some() {
            return Ok(());
        }
        if self.hardware.init().is_none() {
            return self.boot(&mut state).await;
        }
        drop(state);
        self.thaw().await
    }

    async fn thaw(&self) -> Result<(), LabError> {
        let hardware = self.hardware.clone();
        blocking(move || hardware.freeze(false)).await
    }

    /// Whether it went off in time.
    pub(super) async fn await_off(&self, longest: Duration) -> bool {
        let mut running = self.running.subscribe();
        let off = running.wait_for(|running| !running);
        tokio::time::timeout(longest, off).await.is_ok()
    }

    async fn locked_on(&self) -> Result<MutexGuard<'_, State>, LabError> {
        let state = self.state.lock().await;
        if state.on {
            return Ok(state);
        }
        Err(self.hardware.wrong("does not run"))
    }

    fn qemu_status(&self) -> QemuStatus {
        *self.qemu.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_qemu_status(&self, status: QemuStatus) {
        *self.qemu.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

/// `pid_namespaces(7)`: reboot(2) in a pid namespace kills its pid 1 with SIGHUP (restart) or SIGINT
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
    eprintln!("lab: {}", phoenix_common::log::Chain(error));
}
