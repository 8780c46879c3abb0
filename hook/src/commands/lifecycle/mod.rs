//! What `create` and `converge` have in common: plan, agreement, work, report.

mod report;

pub(super) use report::{ending_lines, plan_lines};

use std::time::Duration;

use phoenix_common::config::{Guest, GuestKind};
use phoenix_common::vmid::Vmid;

use super::run::deadline_seconds;
use super::{block_on, complain, complain_text, consent};
use crate::context::{Context, ContextError};
use crate::exit_code::Exit;
use crate::fleet::{GuestEnding, GuestRun};
use crate::paths::Paths;
use crate::plan::machine::MachinePlan;
use crate::progress::Progress;
use crate::pve::api::{ConnectError, Pve};

/// Arguments of both verbs.
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
#[derive(Debug, clap::Args)]
pub(super) struct LifecycleArgs {
    /// The guest.
    pub(super) vmid: Vmid,
    /// Show what would be done to the machine, and do nothing (exit code 3: there is something to do).
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do it without asking.
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Print plan and outcome as JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// End when the VM runs, and leave its inside alone.
    #[arg(long)]
    pub(super) machine_only: bool,
    /// Give up after so many seconds without a step forward (default: `converge_deadline_seconds` of the configuration).
    #[arg(long, value_name = "SECONDS", value_parser = deadline_seconds())]
    pub(super) deadline: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Converge,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Converge => "converge",
        }
    }
}

pub(super) fn run(verb: Verb, args: &LifecycleArgs, paths: &Paths) -> Exit {
    match prepared(verb, args, paths) {
        Ok((context, pve)) => block_on(work(verb, args, &context, &pve)),
        Err(exit) => exit,
    }
}

/// Configuration and transport; what is wrong is told on stderr.
fn prepared(verb: Verb, args: &LifecycleArgs, paths: &Paths) -> Result<(Context, Pve), Exit> {
    let context = Context::load_for(paths, args.vmid).map_err(|error| {
        complain(&error);
        match error {
            ContextError::Config { .. } | ContextError::UnknownGuest { .. } => Exit::Usage,
            ContextError::Package(_) => Exit::Failed,
        }
    })?;
    let kind = context
        .config
        .guests
        .get(&args.vmid)
        .map(|guest| guest.kind);
    if kind == Some(GuestKind::Container) {
        complain_text(&format!(
            "guest {vmid} is a container: Phoenix makes and changes VMs only. Make it with pct, then phoenix run {vmid} post-start",
            vmid = args.vmid
        ));
        return Err(Exit::Usage);
    }
    tracing::debug!(verb = verb.name(), "prepared");
    let pve = connect(&context)?;
    Ok((context, pve))
}

/// Proxmox as the settings say; why not is told on stderr.
pub(super) fn connect(context: &Context) -> Result<Pve, Exit> {
    let api = context.config.hypervisor.pve_api.as_ref();
    Pve::connect(&context.paths, api).map_err(|error| {
        complain(&error);
        match error {
            ConnectError::NoNode { .. } | ConnectError::Fingerprint(_) => Exit::Usage,
            _ => Exit::Failed,
        }
    })
}

async fn work(verb: Verb, args: &LifecycleArgs, context: &Context, pve: &Pve) -> Exit {
    let Some(guest) = context.config.guests.get(&args.vmid) else {
        return Exit::Usage;
    };
    let progress = Progress::for_operator();
    let mut run = GuestRun::new(context, pve, &progress, guest, verb.name());
    run.machine_only = args.machine_only;
    // A worker is often made before its manager, which wakes it when it is there.
    run.wait_for_others = verb == Verb::Converge;
    if let Some(seconds) = args.deadline {
        run.deadline = Duration::from_secs(seconds);
        run.machine.patience = run.deadline;
    }
    let plan = match run.machine.plan().await {
        Ok(plan) => plan,
        Err(error) => {
            progress.finish();
            complain(&error);
            return Exit::Failed;
        }
    };
    if let Some(exit) = before(verb, args, guest, &plan, &progress) {
        return exit;
    }
    let ending = tokio::select! {
        ending = run.bring_up() => ending,
        Ok(()) = tokio::signal::ctrl_c() => {
            progress.finish();
            complain_text(&format!(
                "interrupted; what has begun goes on. To go on: phoenix {} {}",
                verb.name(), args.vmid
            ));
            return Exit::Interrupted;
        }
    };
    progress.finish();
    report::done(verb, args, guest, &plan, &ending);
    exit(&ending)
}

/// What the operator sees and says before anything is done; `Some` ends the verb.
fn before(
    verb: Verb,
    args: &LifecycleArgs,
    guest: &Guest,
    plan: &MachinePlan,
    progress: &Progress,
) -> Option<Exit> {
    let makes_it = plan.makes_the_guest();
    if args.dry_run {
        progress.finish();
        report::planned(verb, args, guest, plan);
        return Some(planned_exit(plan));
    }
    if verb == Verb::Converge && makes_it {
        progress.finish();
        let vmid = args.vmid;
        complain_text(&format!(
            "Proxmox has no guest {vmid}: phoenix create {vmid}"
        ));
        return Some(Exit::Failed);
    }
    if plan.actions.is_empty() {
        return None;
    }
    if !args.json {
        for line in report::plan_lines(guest, plan) {
            progress.note(&line);
        }
    }
    let what = if makes_it { "makes" } else { "changes" };
    let agreed = consent::ask(&format!("{what} guest {}", args.vmid), args.yes);
    agreed.err().inspect(|_| progress.finish())
}

/// As for `plan`: changes win over what cannot be seen.
pub(super) fn planned_exit(plan: &MachinePlan) -> Exit {
    if !plan.actions.is_empty() {
        Exit::ChangesPlanned
    } else if plan.blocked.iter().any(|blocked| blocked.refused) {
        Exit::Refused
    } else if !plan.blocked.is_empty() {
        Exit::Failed
    } else if !plan.waiting.is_empty() {
        Exit::DeadlinePassed
    } else {
        Exit::Converged
    }
}

/// What a guest's ending is worth.
pub(super) fn exit(ending: &GuestEnding) -> Exit {
    use crate::record::Outcome;
    match ending.outcome {
        Outcome::Converged => Exit::Converged,
        Outcome::Failed | Outcome::Blocked if ending.refused => Exit::Refused,
        Outcome::Waiting | Outcome::Running => Exit::DeadlinePassed,
        Outcome::Failed | Outcome::Interrupted | Outcome::Blocked => Exit::Failed,
    }
}
