//! `phoenix lets-go`: every declared guest, in boot order, then the environment layer on all of them.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use phoenix_common::config::{Guest, GuestKind};
use phoenix_common::retry::Deadline;

use super::lifecycle::{connect, exit, planned_exit};
use super::lifecycle::{ending_lines, plan_lines};
use super::{block_on, complain, complain_text, consent, print_json, print_line};
use crate::context::Context;
use crate::exit_code::Exit;
use crate::fleet::{GuestEnding, GuestRun};
use crate::paths::Paths;
use crate::plan::machine::MachinePlan;
use crate::progress::Progress;
use crate::pve::api::Pve;
use crate::record::Outcome;

/// Makes and starts all guests in boot order, then sets up what runs on them.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct LetsGoArgs {
    /// Show what would be done to the machines, and do nothing (exit code 3: there is something to do).
    #[arg(long)]
    pub dry_run: bool,
    /// Do it without asking.
    #[arg(short, long)]
    pub yes: bool,
    /// Print plans and outcomes as JSON.
    #[arg(long)]
    pub json: bool,
    /// End when the VMs run, and leave their insides alone.
    #[arg(long)]
    pub machine_only: bool,
}

/// All guests, and how to work on them.
struct Estate<'run> {
    args: &'run LetsGoArgs,
    context: &'run Context,
    pve: &'run Pve,
    progress: &'run Progress,
    /// In boot order.
    guests: Vec<&'run Guest>,
}

pub fn run(args: &LetsGoArgs, paths: &Paths) -> Exit {
    let context = match Context::load(paths) {
        Ok(context) => context,
        Err(error) => {
            complain(&error);
            return Exit::Usage;
        }
    };
    let pve = match connect(&context) {
        Ok(pve) => pve,
        Err(exit) => return exit,
    };
    let progress = Progress::for_operator();
    let mut guests = context.config.guests_in_boot_order();
    guests.retain(|guest| guest.kind == GuestKind::Vm);
    let estate = Estate {
        args,
        context: &context,
        pve: &pve,
        progress: &progress,
        guests,
    };
    let exit = block_on(async {
        tokio::select! {
            exit = estate.go() => exit,
            Ok(()) = tokio::signal::ctrl_c() => {
                progress.finish();
                complain_text("interrupted; what has begun goes on. To go on: phoenix lets-go");
                Exit::Interrupted
            }
        }
    });
    progress.finish();
    exit
}

impl Estate<'_> {
    async fn go(&self) -> Exit {
        let plans = match self.plans().await {
            Ok(plans) => plans,
            Err(exit) => return exit,
        };
        if self.args.dry_run {
            self.report(&plans, &[]);
            return worst(plans.iter().map(planned_exit));
        }
        if let Err(exit) = self.agreed(&plans) {
            return exit;
        }
        let mut endings = Vec::new();
        for guest in &self.guests {
            endings.push(self.guest_run(guest, true).bring_up().await);
        }
        if !self.args.machine_only {
            let is_up = |ending: &&GuestEnding| ending.outcome == Outcome::Converged;
            let up = endings.iter().filter(is_up).count();
            self.progress.note(&format!(
                "{up} of {} machines are up. Handing over to guest set-up and the environment layer.",
                endings.len()
            ));
            self.environment(&mut endings).await;
            self.progress
                .note("The environment layer has been gone through.");
        }
        self.report(&plans, &endings);
        worst(endings.iter().map(exit))
    }

    async fn plans(&self) -> Result<Vec<MachinePlan>, Exit> {
        let mut plans = Vec::new();
        for guest in &self.guests {
            match self.guest_run(guest, true).machine.plan().await {
                Ok(plan) => plans.push(plan),
                Err(error) => {
                    complain(&error);
                    return Err(Exit::Failed);
                }
            }
        }
        Ok(plans)
    }

    fn agreed(&self, plans: &[MachinePlan]) -> Result<(), Exit> {
        if plans.iter().all(|plan| plan.actions.is_empty()) {
            return Ok(());
        }
        if !self.args.json {
            for (guest, plan) in self.guests.iter().zip(plans) {
                for line in plan_lines(guest, plan) {
                    self.progress.note(&line);
                }
            }
        }
        let changed = plans.iter().filter(|plan| !plan.actions.is_empty()).count();
        consent::ask(&format!("makes or changes {changed} guests"), self.args.yes)
    }

    fn guest_run(&self, guest: &Guest, machine_only: bool) -> GuestRun<'_> {
        let mut run = GuestRun::new(self.context, self.pve, self.progress, guest, "lets-go");
        run.machine_only = machine_only;
        run
    }

    /// Everything inside of the guests whose machine is up. Guests wait for each other (a worker for its manager): those
    /// that do are gone through again as long as something moves.
    async fn environment(&self, endings: &mut [GuestEnding]) {
        let hypervisor = &self.context.config.hypervisor;
        let deadline = Deadline::after(Duration::from_secs(hypervisor.converge_deadline_seconds));
        let mut open: Vec<usize> = (endings.iter().enumerate())
            .filter(|(_, ending)| ending.outcome == Outcome::Converged)
            .map(|(index, _)| index)
            .collect();
        while !open.is_empty() && !deadline.has_passed() {
            let runs = open.iter().filter_map(|index| {
                let guest = self.guests.get(*index)?;
                Some(async move { (*index, self.guest_run(guest, false).bring_up().await) })
            });
            let runs: Vec<_> = runs.collect();
            let done: Vec<(usize, GuestEnding)> = stream::iter(runs)
                .buffer_unordered(hypervisor.worker_guests_in_parallel)
                .collect()
                .await;
            let moved = done
                .iter()
                .any(|(_, ending)| ending.actions_done > 0 || ending.outcome == Outcome::Converged);
            open.clear();
            for (index, mut ending) in done {
                if ending.outcome == Outcome::Waiting && moved {
                    open.push(index);
                }
                if let Some(last) = endings.get_mut(index) {
                    ending.actions_done += last.actions_done;
                    *last = ending;
                }
            }
            open.sort_unstable();
        }
    }

    fn report(&self, plans: &[MachinePlan], endings: &[GuestEnding]) {
        self.progress.finish();
        if self.args.json {
            let plans: Vec<_> = (self.guests.iter().zip(plans))
                .map(|(guest, plan)| serde_json::json!({"vmid": guest.vmid, "name": guest.name, "plan": plan}))
                .collect();
            print_json(&serde_json::json!({
                "schema_version": 1,
                "verb": "lets-go",
                "plans": plans,
                "endings": endings,
            }));
            return;
        }
        if endings.is_empty() {
            for (guest, plan) in self.guests.iter().zip(plans) {
                for line in plan_lines(guest, plan) {
                    print_line(&line);
                }
            }
        }
        for ending in endings {
            for line in ending_lines(ending) {
                print_line(&line);
            }
        }
        if endings
            .iter()
            .any(|ending| ending.outcome != Outcome::Converged)
        {
            print_line("to go on: phoenix lets-go");
        }
    }
}

/// One guest that failed makes the whole fail; a refusal weighs more than what may still come.
fn worst(exits: impl Iterator<Item = Exit>) -> Exit {
    let weight = |exit: &Exit| match exit {
        Exit::Converged => 0,
        Exit::DeadlinePassed => 1,
        Exit::ChangesPlanned => 2,
        Exit::Refused => 3,
        _ => 4,
    };
    exits.max_by_key(weight).unwrap_or(Exit::Converged)
}
