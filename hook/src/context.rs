//! What every run works with: the places, one snapshot of the configuration, the carried agent.

mod portainer;

use phoenix_common::config::{self, Config, ConfigErrors, SpecError, StackAssignment};
use phoenix_common::log::Chain;
use phoenix_common::vmid::Vmid;

use crate::channel::{CarriedPackage, PackageError};
use crate::paths::Paths;
use crate::plan::Blocked;
use crate::plan::desired::{Desired, StackDesired, SwarmDesired};

/// One snapshot: a configuration that is edited meanwhile counts for the next run.
#[derive(Debug, Clone)]
pub struct Context {
    pub paths: Paths,
    pub config: Config,
    /// Version of the guest package that this node carries; `None` in a build without one.
    pub carried_agent: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    #[error("the configuration in {directory} has mistakes (phoenix validate shows all of them)")]
    Config {
        directory: String,
        source: ConfigErrors,
    },
    #[error(
        "guest {vmid} is not configured in {directory}/phoenix_vm_configs.json: add it there, or unregister its hookscript"
    )]
    UnknownGuest { vmid: Vmid, directory: String },
    #[error("the carried guest agent package")]
    Package(#[from] PackageError),
}

impl Context {
    /// Everything, as far as it concerns `vmid`: mistakes elsewhere do not stop this guest.
    ///
    /// # Errors
    /// Mistakes that touch this guest, or the guest is not configured.
    pub fn load_for(paths: &Paths, vmid: Vmid) -> Result<Self, ContextError> {
        let directory = paths.config_dir().display().to_string();
        let config =
            config::load_for(paths.config_dir(), vmid).map_err(|source| ContextError::Config {
                directory: directory.clone(),
                source,
            })?;
        if !config.guests.contains_key(&vmid) {
            return Err(ContextError::UnknownGuest { vmid, directory });
        }
        Self::with(paths, config)
    }

    /// The whole estate.
    ///
    /// # Errors
    /// Any mistake anywhere.
    pub fn load(paths: &Paths) -> Result<Self, ContextError> {
        let directory = paths.config_dir().display().to_string();
        let config = config::load(paths.config_dir())
            .map_err(|source| ContextError::Config { directory, source })?;
        Self::with(paths, config)
    }

    fn with(paths: &Paths, config: Config) -> Result<Self, ContextError> {
        Ok(Self {
            carried_agent: carried_version(paths)?,
            paths: paths.clone(),
            config,
        })
    }

    /// What the planner needs of the guest's declaration; reads the files its stacks are made of.
    /// `None` when the guest is not configured.
    pub fn desired(&self, vmid: Vmid) -> Option<Desired> {
        let guest = self.config.guests.get(&vmid)?;
        let ours =
            |stack: &&StackAssignment| stack.deployer == config::Deployer::Swarm && !stack.manual;
        let stacks = guest.stacks.iter().filter(ours);
        let declared = self.config.guest_declaration(vmid).ok()?;
        Some(Desired {
            vmid,
            carried_agent: self.carried_agent.clone(),
            guest: declared.spec,
            problems: declared.problems.iter().map(problem).collect(),
            notices: by_hand(guest),
            swarm: self.swarm(guest),
            stacks: self
                .portainer_stack(guest)
                .into_iter()
                .chain(stacks.map(|stack| self.stack(vmid, stack)))
                .collect(),
            portainer: self.instance(guest),
            unhandled: self
                .config
                .unhandled(vmid)
                .into_iter()
                .map(|unhandled| unhandled.key)
                .collect(),
        })
    }

    fn swarm(&self, guest: &config::Guest) -> Option<SwarmDesired> {
        let member = guest.swarm.as_ref()?;
        let networks = self
            .config
            .guests
            .values()
            .filter_map(|guest| guest.network);
        Some(SwarmDesired {
            name: member.name.clone(),
            role: member.role,
            labels: member.labels.clone(),
            address: guest.network.map(|network| network.address.addr()),
            managers: self
                .config
                .managers_of(&member.name)
                .iter()
                .map(|manager| manager.vmid)
                .collect(),
            address_pool: self.config.hypervisor.swarm.default_address_pool.clone(),
            guest_networks: networks.map(|network| network.address).collect(),
        })
    }

    fn stack(&self, vmid: Vmid, assignment: &StackAssignment) -> StackDesired {
        StackDesired {
            name: assignment.deployed_name.clone(),
            spec: self
                .config
                .stack_spec(vmid, assignment)
                .map(Box::new)
                .map_err(|error| Chain(&error).to_string()),
        }
    }
}

fn problem(problem: &SpecError) -> Blocked {
    Blocked {
        what: "guest set-up".to_owned(),
        reason: Chain(problem).to_string(),
        refused: false,
    }
}

/// The steps that are left to the operator: `manual` of a compose file.
fn by_hand(guest: &config::Guest) -> Vec<String> {
    let files = guest.compose_files.iter().filter(|file| file.manual);
    files
        .map(|file| {
            format!(
                "{0} is for a stack made by hand: in Portainer choose the environment, Stacks, Add stack, Web editor, and paste the file's text (in the guest: cat {0})",
                file.destination
            )
        })
        .collect()
}

fn carried_version(paths: &Paths) -> Result<Option<String>, PackageError> {
    match CarriedPackage::load_version(paths) {
        Ok(version) => Ok(Some(version)),
        Err(PackageError::Read { source }) if source.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
