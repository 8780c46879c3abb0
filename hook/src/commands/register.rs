//! `phoenix register` and `unregister`: make Proxmox call Phoenix for guests, or no longer.

use std::collections::BTreeSet;

use phoenix_common::log::Chain;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use serde::Serialize;

use super::{block_on, complain, complain_text, print_json, print_line};
use crate::estate::Estate;
use crate::exit_code::Exit;
use crate::paths::Paths;
use crate::pve::guest::{PveError, node_name, vmlist};
use crate::register::{
    self, ExecuteError, Goal, GuestSeen, Outcome, Refusal, SeenError, Snippets, StorageError,
    Storages,
};

/// Makes Proxmox call Phoenix at every start and stop of guests; a hookscript they have is kept and runs first.
#[derive(Debug, clap::Args)]
pub struct RegisterArgs {
    #[command(flatten)]
    guests: Guests,
    /// The storage that holds the hookscript file (default: `local`, or the first one that may).
    #[arg(long, value_name = "STORAGE")]
    storage: Option<String>,
    /// Allow hookscripts (content type `snippets`) on that storage first.
    #[arg(long)]
    enable_snippets: bool,
    /// Change nothing; prove that the hookscript file is there and runs.
    #[arg(long, conflicts_with = "enable_snippets")]
    check: bool,
}

/// Gives guests back the hookscript they had before, or none.
#[derive(Debug, clap::Args)]
pub struct UnregisterArgs {
    #[command(flatten)]
    guests: Guests,
    /// The storage that holds the hookscript file (default: `local`, or the first one that may).
    #[arg(long, value_name = "STORAGE")]
    storage: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Guests {
    #[arg(
        required_unless_present = "all",
        conflicts_with = "all",
        value_name = "VMID"
    )]
    vmids: Vec<Vmid>,
    /// Every configured guest of this node; for `unregister` every one that has Phoenix as hookscript.
    #[arg(long)]
    all: bool,
    /// Only show what would be done; exit code 3 if there is something.
    #[arg(long)]
    plan: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
enum RegisterError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("this node")]
    Node(#[from] PveError),
    #[error(transparent)]
    Seen(#[from] SeenError),
    #[error("storage {storage}")]
    Enable {
        storage: String,
        source: ExecuteError,
    },
    #[error("the hookscript file of storage {storage}")]
    Install {
        storage: String,
        source: ExecuteError,
    },
    #[error(transparent)]
    Check(#[from] register::CheckError),
}

impl RegisterError {
    fn exit(&self) -> Exit {
        match self {
            Self::Storage(_) => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

/// What became of one guest.
#[derive(Serialize)]
struct GuestReport {
    vmid: Vmid,
    /// `unchanged`, `planned`, `done`, `refused` or `failed`.
    state: &'static str,
    steps: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// `phoenix register`.
pub fn register(args: &RegisterArgs, paths: &Paths) -> Exit {
    let work = Work {
        paths,
        goal: Goal::Registered,
        guests: &args.guests,
        storage: args.storage.as_deref(),
        enable_snippets: args.enable_snippets,
    };
    let done = block_on(async {
        if args.check {
            work.check().await
        } else {
            work.run().await
        }
    });
    end(done)
}

/// `phoenix unregister`.
pub fn unregister(args: &UnregisterArgs, paths: &Paths) -> Exit {
    let work = Work {
        paths,
        goal: Goal::Unregistered,
        guests: &args.guests,
        storage: args.storage.as_deref(),
        enable_snippets: false,
    };
    end(block_on(work.run()))
}

fn end(done: Result<Exit, RegisterError>) -> Exit {
    done.unwrap_or_else(|error| {
        complain(&error);
        error.exit()
    })
}

struct Work<'run> {
    paths: &'run Paths,
    goal: Goal,
    guests: &'run Guests,
    storage: Option<&'run str>,
    enable_snippets: bool,
}

impl Work<'_> {
    async fn run(&self) -> Result<Exit, RegisterError> {
        let node = node_name(self.paths)?;
        let storages = Storages::read(self.paths)?;
        let snippets = self.snippets(&node, &storages).await?;
        let mut reports = Vec::new();
        if self.goal == Goal::Registered && !self.guests.plan {
            self.install(&snippets).await?;
        }
        for vmid in self.vmids(&node, &storages, &snippets)? {
            let seen = register::see(self.paths, &storages, &snippets, vmid)?;
            let report = self.guest(&seen, &node, &snippets).await;
            self.tell(&report);
            reports.push(report);
        }
        if self.guests.json {
            let volume = snippets.volume();
            let report =
                serde_json::json!({"schema_version": 1, "hookscript": volume, "guests": reports});
            print_json(&report);
        }
        Ok(exit(&reports, self.guests.plan))
    }

    /// Where the wrapper lies, or is to lie. Unregistering asks no more of a storage than that it is there.
    async fn snippets(&self, node: &str, storages: &Storages) -> Result<Snippets, RegisterError> {
        let asked = match (
            self.storage,
            self.enable_snippets || self.goal == Goal::Unregistered,
        ) {
            (Some(id), _) => Some(id),
            (None, true) => storages.choose(node, None).is_err().then_some("local"),
            (None, false) => None,
        };
        let storage = storages.choose(node, asked)?;
        if self.goal == Goal::Registered {
            match storage.check() {
                Err(StorageError::NoSnippets { .. }) if self.enable_snippets => {
                    self.enable(storage).await?;
                }
                checked => checked?,
            }
        }
        storage
            .snippets()
            .ok_or_else(|| StorageError::Nowhere.into())
    }

    async fn enable(&self, storage: &register::Storage) -> Result<(), RegisterError> {
        let text = format!(
            "storage {}: allow content type snippets",
            Untrusted(&storage.id)
        );
        self.say(&text);
        if self.guests.plan {
            return Ok(());
        }
        let enabled = register::enable_snippets(self.paths, storage).await;
        enabled.map_err(|source| RegisterError::Enable {
            storage: storage.id.clone(),
            source,
        })
    }

    /// The wrapper first, and proven, before any guest names it.
    async fn install(&self, snippets: &Snippets) -> Result<(), RegisterError> {
        let installed = register::install_wrapper(self.paths, snippets);
        let written = installed.map_err(|source| RegisterError::Install {
            storage: snippets.storage.clone(),
            source,
        })?;
        if written {
            self.say(&format!("{}: installed", snippets.wrapper().display()));
        }
        Ok(register::prove(self.paths, snippets).await?)
    }

    async fn check(&self) -> Result<Exit, RegisterError> {
        let node = node_name(self.paths)?;
        let storages = Storages::read(self.paths)?;
        let storage = storages.choose(&node, self.storage)?;
        storage.check()?;
        let snippets = storage.snippets().ok_or(StorageError::Nowhere)?;
        register::prove(self.paths, &snippets).await?;
        let mut without = Vec::new();
        for vmid in self.vmids(&node, &storages, &snippets)? {
            let seen = register::see(self.paths, &storages, &snippets, vmid)?;
            let here = seen.owner.as_ref().is_some_and(|(owner, _)| *owner == node);
            if here && !seen.hookscript.as_deref().is_some_and(register::is_ours) {
                without.push(vmid);
            }
        }
        if self.guests.json {
            let volume = snippets.volume();
            print_json(
                &serde_json::json!({"schema_version": 1, "hookscript": volume, "runs": true,
                "not_registered": without}),
            );
        } else {
            print_line(&format!("{}: runs", snippets.wrapper().display()));
            for vmid in &without {
                print_line(&format!("{vmid}: not registered: phoenix register {vmid}"));
            }
        }
        Ok(if without.is_empty() {
            Exit::Converged
        } else {
            Exit::Failed
        })
    }

    fn vmids(
        &self,
        node: &str,
        storages: &Storages,
        snippets: &Snippets,
    ) -> Result<BTreeSet<Vmid>, RegisterError> {
        if !self.guests.all {
            return Ok(self.guests.vmids.iter().copied().collect());
        }
        let list = vmlist(self.paths)?;
        let own = list.iter().filter(|(_, entry)| entry.node == node);
        let own: BTreeSet<Vmid> = own.map(|(vmid, _)| vmid).collect();
        if self.goal == Goal::Registered {
            let estate = Estate::read(self.paths);
            for mistake in &estate.mistakes {
                complain(mistake);
            }
            let configured = estate.context.config.guests.into_keys();
            return Ok(configured.filter(|vmid| own.contains(vmid)).collect());
        }
        let mut named = BTreeSet::new();
        for vmid in own {
            let seen = register::see(self.paths, storages, snippets, vmid)?;
            if seen.hookscript.as_deref().is_some_and(register::is_ours) || seen.chain.is_some() {
                named.insert(vmid);
            }
        }
        Ok(named)
    }

    async fn guest(&self, seen: &GuestSeen, node: &str, snippets: &Snippets) -> GuestReport {
        let plan = register::plan(self.goal, seen, node, snippets);
        let report = |state, steps: &[register::Step], reason| GuestReport {
            vmid: plan.vmid,
            state,
            steps: steps.iter().map(ToString::to_string).collect(),
            reason,
        };
        let steps = match &plan.outcome {
            Outcome::Refused(refusal) => {
                return report("refused", &[], Some(hint(refusal)));
            }
            Outcome::Steps(steps) if steps.is_empty() => return report("unchanged", &[], None),
            Outcome::Steps(steps) if self.guests.plan => return report("planned", steps, None),
            Outcome::Steps(steps) => steps,
        };
        for (done, step) in steps.iter().enumerate() {
            if let Err(error) = register::execute(self.paths, snippets, step).await {
                let reason = format!("{step}: {}", Chain(&error));
                return report("failed", &steps[..done], Some(reason));
            }
        }
        report("done", steps, None)
    }

    fn tell(&self, report: &GuestReport) {
        for step in &report.steps {
            self.say(step);
        }
        if let Some(reason) = &report.reason {
            complain_text(reason);
        } else if report.state == "unchanged" {
            let word = match self.goal {
                Goal::Registered => "is registered",
                Goal::Unregistered => "is not registered",
            };
            self.say(&format!("{} {word}: nothing to do", report.vmid));
        }
    }

    fn say(&self, text: &str) {
        if !self.guests.json {
            print_line(text);
        }
    }
}

fn hint(refusal: &Refusal) -> String {
    match refusal {
        Refusal::ScriptMissing { vmid, .. } => {
            format!("{refusal}: qm set {vmid} --delete hookscript")
        }
        _ => refusal.to_string(),
    }
}

/// What failed wins over what was refused.
fn exit(reports: &[GuestReport], only_planned: bool) -> Exit {
    let any = |state: &str| reports.iter().any(|report| report.state == state);
    if any("failed") {
        Exit::Failed
    } else if any("refused") {
        Exit::Refused
    } else if only_planned && any("planned") {
        Exit::ChangesPlanned
    } else {
        Exit::Converged
    }
}
