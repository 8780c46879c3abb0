//! `lab`: light guests and a fake Proxmox node by hand.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use phoenix_common::log::Chain;
use phoenix_tests::demo;
use phoenix_tests::lab::{self, GuestSpec, Lab, LabError, LabSpec, Layout, NodeSpec, Suite};

/// Exit code of "this machine cannot hold the lab", as automake's skipped tests.
const UNUSABLE: u8 = 77;

/// A lab of light guests on this machine.
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Installs what the lab needs and builds its root trees.
    Prepare {
        /// Suites whose trees are built.
        #[arg(default_values = ["bookworm", "trixie"])]
        suites: Vec<Suite>,
    },
    /// Installs fakepve, the REST API of the tests, from `PyPI` into the cache.
    Fakepve,
    /// Says whether this machine can hold a lab (exit 77 if not).
    Check,
    /// Shows how Proxmox's start event turns two bare guests into a Swarm with a stack.
    Demo,
    /// Brings a lab up that stays until `lab down`.
    Up(Up),
    /// Takes a lab down, or all of them, and what dead ones left.
    Down {
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        #[arg(long)]
        all: bool,
    },
    /// Lists labs and their machines.
    List,
    /// Runs a program in a machine of a lab (a login shell without one).
    Shell {
        id: String,
        /// A vmid or `pve1`.
        machine: String,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        argv: Vec<String>,
    },
    /// Powers a guest: start, kill, reset, off.
    Power {
        id: String,
        vmid: u32,
        #[arg(value_parser = ["start", "kill", "reset", "off"])]
        change: String,
    },
    /// Calls a guest's hookscript for one phase, as Proxmox does.
    Event {
        id: String,
        vmid: u32,
        #[arg(value_parser = ["pre-start", "post-start", "pre-stop", "post-stop"])]
        phase: String,
    },
    /// GET from inside a lab's network.
    Get { id: String, url: String },
    /// Holds a lab; started by `up`.
    #[command(hide = true)]
    Serve {
        id: String,
        #[arg(long)]
        owned: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Up {
    #[arg(long, default_value = "lab")]
    id: String,
    /// `VMID[:SUITE]`, repeatable.
    #[arg(long = "guest", value_name = "VMID[:SUITE]")]
    guests: Vec<String>,
    /// With the fake node pve1.
    #[arg(long)]
    node: bool,
    /// Packages installed on the node.
    #[arg(long = "deb", requires = "node")]
    packages: Vec<PathBuf>,
    /// `NAME:TAG` of the web image in the lab's registry, repeatable.
    #[arg(long = "image")]
    images: Vec<String>,
    /// Guests exist but do not run.
    #[arg(long)]
    stopped: bool,
    /// Proxmox calls Phoenix for the guests (their `hookscript` is set).
    #[arg(long, requires = "node")]
    hooked: bool,
}

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            let unusable = matches!(error, LabError::Unusable(_));
            complain(&Chain(&error).to_string());
            ExitCode::from(if unusable { UNUSABLE } else { 1 })
        }
    }
}

fn demo() -> ExitCode {
    match demo::run(say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&Chain(&error).to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode, LabError> {
    match verb {
        Verb::Prepare { suites } => {
            lab::prepare()?;
            lab::check()?;
            for suite in suites {
                say(&lab::tree(suite)?.display().to_string());
            }
            say(&lab::registry_program()?.display().to_string());
        }
        Verb::Fakepve => phoenix_tests::fakepve::install().map(drop)?,
        Verb::Check => lab::check()?,
        Verb::Demo => return Ok(demo()),
        Verb::Up(up) => bring_up(up)?,
        Verb::Down { id, all } => take_down(id, all)?,
        Verb::List => list(),
        Verb::Shell { id, machine, argv } => return shell(&id, &machine, &argv),
        Verb::Power { id, vmid, change } => {
            let guest = Lab::attach(&id)?.guest(vmid);
            match change.as_str() {
                "start" => guest.start()?,
                "kill" => guest.kill()?,
                "reset" => guest.reset()?,
                _ => guest.power_off()?,
            }
        }
        Verb::Event { id, vmid, phase } => {
            let argv = ["qm", "lab-event", &vmid.to_string(), &phase].map(str::to_owned);
            return shell(&id, lab::NODE_NAME, &argv);
        }
        Verb::Get { id, url } => {
            let answer = Lab::attach(&id)?.http_get(&url)?;
            say(answer.text().trim_end());
            if answer.status != 200 {
                return Ok(ExitCode::FAILURE);
            }
        }
        Verb::Serve { id, owned } => lab::serve(&id, owned)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn bring_up(up: Up) -> Result<(), LabError> {
    let mut spec = LabSpec::new();
    for guest in &up.guests {
        let (vmid, suite) = guest.split_once(':').unwrap_or((guest, "bookworm"));
        let vmid: phoenix_common::vmid::Vmid = vmid
            .parse()
            .map_err(|error| LabError::Control(format!("--guest {guest}: {error}")))?;
        let mut guest = GuestSpec::new(vmid.get(), suite.parse()?);
        guest.started = !up.stopped;
        if up.hooked {
            guest = guest.hooked();
        }
        spec = spec.guest_with(guest);
    }
    if up.node {
        let node = up
            .packages
            .into_iter()
            .fold(NodeSpec::new(), NodeSpec::package);
        spec = spec.node(node);
    }
    spec.images = up.images;
    list_machines(&Lab::up_detached(&up.id, &spec)?);
    Ok(())
}

fn take_down(id: Option<String>, all: bool) -> Result<(), LabError> {
    let ids = if all {
        lab::list().into_iter().map(|(id, _)| id).collect()
    } else {
        Vec::from_iter(id)
    };
    for id in ids {
        let layout = Layout::of(&id)?;
        if !layout.folder().exists() {
            return Err(LabError::NoLab { id });
        }
        lab::down(&layout)?;
    }
    Ok(())
}

fn list() {
    for (id, alive) in lab::list() {
        say(&format!(
            "{id}{}",
            if alive {
                ""
            } else {
                "  (its process is dead: lab down)"
            }
        ));
        if let Ok(lab) = Lab::attach(&id) {
            list_machines(&lab);
        }
    }
}

fn list_machines(lab: &Lab) {
    for machine in lab.machines() {
        let running = machine.status().is_ok_and(|power| power.running);
        let state = if running { "running" } else { "off" };
        say(&format!(
            "  {:<12} {:<15} {state}",
            machine.hostname(),
            machine.address()
        ));
    }
}

fn shell(id: &str, machine: &str, argv: &[String]) -> Result<ExitCode, LabError> {
    let machine = Lab::attach(id)?.machine(machine)?;
    let code = machine.interactive(argv)?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

#[expect(clippy::print_stdout, reason = "a command line program")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "a command line program")]
fn complain(line: &str) {
    eprintln!("lab: {line}");
}
