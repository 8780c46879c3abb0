//! What a verb of the Swarm is aimed at: one stack in one environment.

/// The words that `swarm deploy` and `swarm rm` have in common.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The stack; one to be removed need not be in the configuration any more.
    pub stack: String,
    /// The environment; one that is not declared has no variables and no files.
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    pub environment: String,
    /// The Swarm (default: `swarm.name` of the configuration).
    #[arg(long, value_name = "NAME")]
    pub swarm: Option<String>,
    /// Do not ask before something is taken away.
    #[arg(long)]
    pub yes: bool,
    /// Even what `docker_stacks` assigns to a guest; the next run of that guest deploys it there again.
    #[arg(long)]
    pub force: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub json: bool,
}
