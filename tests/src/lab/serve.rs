//! The lab's own process (`lab serve`): the hypervisor of its machines. It holds the network, the
//! relays and the registry, starts and ends machines on request, and takes the lab down at its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use phoenix_common::retry::Deadline;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, OnceCell, mpsc};

use super::cgroup::World;
use super::control::{QemuStatus, Reply, Request};
use super::error::LabError;
use super::exec::Inside;
use super::image::Image;
use super::layout::Layout;
use super::machine::{Hardware, blocking, tear_down};
use super::portainer_image::Part;
use super::power::{PoweredMachine, QemuEnd};
use super::process::Process;
use super::spec::{GuestSpec, LabSpec, NODE_NAME};
use super::suite::Suite;
use super::{kernel, network, registry, tree};

/// `lab.json`: what a lab is and which process holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) spec: LabSpec,
    pub(super) process: Option<Process>,
}

/// The running lab.
struct Server {
    layout: Layout,
    world: World,
    spec: Mutex<LabSpec>,
    machines: Mutex<BTreeMap<String, Arc<PoweredMachine>>>,
    ended: mpsc::UnboundedSender<QemuEnd>,
    registry: Mutex<Option<tokio::process::Child>>,
    up: OnceCell<Result<(), String>>,
    down: mpsc::UnboundedSender<()>,
}

/// Runs the lab `id`, whose folder and record are there, until it is told to end; with `owned`
/// also when its stdin ends, that is when whoever started it is gone.
///
/// # Errors
/// It cannot start, or something could not be cleaned up.
pub fn serve(id: &str, owned: bool) -> Result<(), LabError> {
    let layout = Layout::of(id)?;
    let mut record: Record = phoenix_common::fs::read_json(&layout.record())?;
    record.process = Process::of(std::process::id());
    phoenix_common::fs::write_json(&layout.record(), &record)?;
    // Before there are threads: a network namespace is a thread's, and theirs are its children.
    network::enter_new()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(LabError::path("start a runtime for", layout.folder()))?;
    let machines = runtime.block_on(run(layout.clone(), record.spec, owned))?;
    // Relays, proxies and watchers end here; then nothing restarts what is killed.
    runtime.shutdown_timeout(Duration::from_secs(20));
    tear_down(&layout, machines)?;
    kernel::restore()?;
    reap_children();
    Ok(())
}

/// On hosts whose pid 1 does not, nobody else would.
fn reap_children() {
    let deadline = Deadline::after(Duration::from_secs(5));
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            if deadline.has_passed() {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

async fn run(
    layout: Layout,
    spec: LabSpec,
    owned: bool,
) -> Result<Vec<super::spec::Machine>, LabError> {
    let world = World::probe().map_err(LabError::Unusable)?;
    let (ended, ends) = mpsc::unbounded_channel();
    let (down, mut told_down) = mpsc::unbounded_channel();
    let machines = spec.machines().into_iter().map(|machine| {
        let name = machine.name.clone();
        let hardware = Hardware::new(machine, &layout, world);
        (name, PoweredMachine::new(hardware, ended.clone()))
    });
    let server = Arc::new(Server {
        machines: Mutex::new(machines.collect()),
        spec: Mutex::new(spec),
        registry: Mutex::default(),
        up: OnceCell::new(),
        layout,
        world,
        ended,
        down,
    });
    let socket = server.layout.control();
    let control = UnixListener::bind(&socket).map_err(LabError::path("listen at", &socket))?;
    tokio::spawn(Arc::clone(&server).accept(control));
    tokio::spawn(Arc::clone(&server).qmeventd(ends));
    tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.bring_up().await }
    });
    tokio::select! {
        _ = told_down.recv() => {}
        () = owner_gone(), if owned => {}
    }
    if let Some(mut registry) = server.registry.lock().await.take() {
        let _ = registry.kill().await;
    }
    Ok(server.spec.lock().await.machines())
}

/// The owner holds the other end of stdin.
async fn owner_gone() {
    let mut byte = [0];
    let _ = tokio::io::stdin().read(&mut byte).await;
}

impl Server {
    /// Starts what starts with the lab, all at once; done once.
    async fn bring_up(&self) -> Result<(), LabError> {
        let up = self.up.get_or_init(async || {
            let machines = self.start_machines();
            let images = self.start_registry();
            let (machines, images) = tokio::join!(machines, images);
            machines.and(images).map_err(|error| shown(&error))
        });
        up.await.clone().map_err(LabError::Control)
    }

    async fn start_machines(&self) -> Result<(), LabError> {
        let machines: Vec<_> = self.machines.lock().await.values().cloned().collect();
        let mut starting = tokio::task::JoinSet::new();
        for machine in machines {
            if machine.hardware.machine.started {
                starting.spawn(async move { machine.start(QemuStatus::Running).await });
            }
        }
        while let Some(started) = starting.join_next().await {
            started.map_err(|error| LabError::Control(error.to_string()))??;
        }
        Ok(())
    }

    async fn start_registry(&self) -> Result<(), LabError> {
        let images = self.spec.lock().await.images.clone();
        if images.is_empty() {
            return Ok(());
        }
        let program = blocking(registry::registry_program).await?;
        *self.registry.lock().await = Some(registry::start(&program, &self.layout)?);
        blocking(move || {
            registry::wait()?;
            let tree = tree::tree(Suite::of_this_machine())?;
            for name in &images {
                let version = name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
                let image = match Part::of(name) {
                    Some(part) => part.image(version)?,
                    None => Image::web(&tree, version)?,
                };
                image.push(name)?;
            }
            Ok(())
        })
        .await
    }

    async fn accept(self: Arc<Self>, control: UnixListener) {
        while let Ok((stream, _)) = control.accept().await {
            let server = Arc::clone(&self);
            tokio::spawn(async move {
                // Who asks may leave before the answer.
                let _ = server.answer(stream).await;
            });
        }
    }

    async fn answer(&self, stream: UnixStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let reply = match serde_json::from_str(&line) {
            Ok(request) => self.do_as_asked(request).await,
            Err(error) => Err(LabError::Control(format!("not a request: {error}"))),
        };
        let reply = reply.unwrap_or_else(|error| Reply::Failed {
            wrong: shown(&error),
        });
        let mut line = serde_json::to_string(&reply)?;
        line.push('\n');
        stream.write_all(line.as_bytes()).await
    }

    async fn do_as_asked(&self, request: Request) -> Result<Reply, LabError> {
        match request {
            Request::Up => self.bring_up().await?,
            Request::Status { machine } => {
                let power = self.machine(&machine).await?.status().await;
                return Ok(Reply::Power { power });
            }
            Request::Start { machine, status } => {
                self.machine(&machine).await?.start(status).await?;
            }
            Request::Continue { machine } => self.machine(&machine).await?.proceed().await?,
            Request::Pause { machine } => self.machine(&machine).await?.pause().await?,
            Request::Kill { machine } => self.machine(&machine).await?.kill().await?,
            Request::PowerButton { machine } => {
                self.machine(&machine).await?.power_button().await?;
            }
            Request::Reset { machine } => self.machine(&machine).await?.reset().await?,
            Request::AwaitOff { machine, seconds } => {
                let machine = self.machine(&machine).await?;
                machine.await_off(Duration::from_secs(seconds)).await;
                let power = machine.status().await;
                return Ok(Reply::Power { power });
            }
            Request::Run { machine, program } => {
                let machine = self.machine(&machine).await?;
                let init = machine.hardware.init();
                let inside = init.map(|init| Inside(init.pid));
                let inside = inside.ok_or_else(|| machine.hardware.wrong("is off"))?;
                let output = blocking(move || inside.output(&program)).await?;
                return Ok(Reply::Ran { output });
            }
            Request::Define { guest } => self.define(guest).await?,
            Request::Forget { machine } => self.forget(&machine).await?,
            Request::Obey { machine, obeys } => self.machine(&machine).await?.obey(obeys),
            Request::Down => drop(self.down.send(())),
        }
        Ok(Reply::Done)
    }

    async fn machine(&self, name: &str) -> Result<Arc<PoweredMachine>, LabError> {
        let found = self.machines.lock().await.get(name).cloned();
        found.ok_or_else(|| LabError::NoMachine {
            machine: name.to_owned(),
        })
    }

    async fn forget(&self, name: &str) -> Result<(), LabError> {
        self.machine(name).await?.wipe().await?;
        let mut spec = self.spec.lock().await;
        let is_it = |guest: &GuestSpec| guest.vmid.to_string() == name;
        // Addresses of those without one of their own depend on their place in the list.
        if spec
            .guests
            .iter()
            .any(|guest| is_it(guest) && guest.address.is_some())
        {
            spec.guests.retain(|guest| !is_it(guest));
            self.machines.lock().await.remove(name);
            self.write_record(&spec)?;
        }
        Ok(())
    }

    fn write_record(&self, spec: &LabSpec) -> Result<(), LabError> {
        let record = Record {
            spec: spec.clone(),
            process: Process::of(std::process::id()),
        };
        Ok(phoenix_common::fs::write_json(
            &self.layout.record(),
            &record,
        )?)
    }

    async fn define(&self, guest: GuestSpec) -> Result<(), LabError> {
        let mut spec = self.spec.lock().await;
        let name = guest.vmid.to_string();
        spec.guests.push(guest);
        self.write_record(&spec)?;
        let mut machines = spec.machines().into_iter();
        let Some(machine) = machines.find(|machine| machine.name == name) else {
            return Ok(());
        };
        let hardware = Hardware::new(machine, &self.layout, self.world);
        let powered = PoweredMachine::new(hardware, self.ended.clone());
        self.machines.lock().await.insert(name, powered);
        Ok(())
    }

    /// What Proxmox's qmeventd does: `qm cleanup` after every end of a QEMU.
    async fn qmeventd(self: Arc<Self>, mut ends: mpsc::UnboundedReceiver<QemuEnd>) {
        while let Some(end) = ends.recv().await {
            let Ok(node) = self.machine(NODE_NAME).await else {
                continue;
            };
            let Some(init) = node.hardware.init() else {
                continue;
            };
            let guest = if end.by_guest { "1" } else { "0" };
            let argv = ["/usr/sbin/qm", "cleanup", &end.machine, guest, guest].map(str::to_owned);
            let environment = [
                ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
                ("LANG", "C.UTF-8"),
            ];
            tokio::task::spawn_blocking(move || {
                let cleanup = Inside(init.pid).run(argv).only_environment(&environment);
                // Its own failures are in its own output, as with the real one.
                cleanup.deadline(CLEANUP_LIMIT).run()
            });
        }
    }
}

const CLEANUP_LIMIT: Duration = Duration::from_mins(2);

fn shown(error: &LabError) -> String {
    phoenix_common::log::Chain(error).to_string()
}
