//! From the configuration to what is sent to a guest. Reads the files a stack is made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;

use super::Config;
use super::guest::{ComposeFile, Guest, StackAssignment, Volume};
use super::hypervisor::Registry;
use super::origin::Origin;
use super::stack::{Environment, Stack};
use crate::digest::sha256_hex;
use crate::fs::{FileError, read_limited};
use crate::secret::Secret;
use crate::spec::{
    ComposeText, DockerSpec, FileContent, FileSpec, GpuSpec, GuestSpec, RegistryLogin, StackFile,
    StackSpec, VolumeSpec,
};
use crate::vmid::Vmid;

/// Largest compose file, in bytes.
pub(super) const COMPOSE_LIMIT_BYTES: u64 = 1 << 20;
/// Largest file of an environment, in bytes: a Docker config holds less than 1000 KiB.
pub(super) const FILE_LIMIT_BYTES: u64 = 1_024_000;

/// Largest password file of a registry, in bytes: a token may be long.
const PASSWORD_LIMIT_BYTES: u64 = 64 << 10;
/// The registry of images that name none.
const DOCKER_HUB: &str = "docker.io";

/// Why the desired state of a guest or stack cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    #[error("guest {0} is not configured")]
    UnknownGuest(Vmid),
    #[error("stack {0} is not configured")]
    UnknownStack(String),
    #[error(
        "volume {volume} has no server: add `server` to it, or `nfs_server` to phoenix_hypervisor_config.json"
    )]
    VolumeServer { volume: String },
    #[error("volume {volume} of file {destination} has no server")]
    FileVolume { volume: String, destination: String },
    #[error("source of {destination}, declared at {origin}")]
    GuestFile {
        destination: String,
        origin: Box<Origin>,
        source: Box<FileError>,
    },
    #[error("password of registry {server}, declared at {origin}")]
    RegistryPassword {
        server: String,
        origin: Box<Origin>,
        source: Box<FileError>,
    },
    #[error("compose file of stack {stack}, declared at {origin}")]
    Compose {
        stack: String,
        origin: Box<Origin>,
        source: Box<FileError>,
    },
    #[error("compose file {} of stack {stack} is not UTF-8, declared at {origin}", path.display())]
    NotText {
        stack: String,
        path: PathBuf,
        origin: Box<Origin>,
    },
    #[error("file {name} of stack {stack}, environment {environment}, declared at {origin}")]
    File {
        stack: String,
        environment: String,
        name: String,
        origin: Box<Origin>,
        source: Box<FileError>,
    },
}

/// The infrastructure layer of a guest, as far as it can be put together.
#[derive(Debug)]
pub struct GuestDeclaration {
    pub spec: GuestSpec,
    /// Volumes and files that cannot be dealt with now. The rest of the guest can.
    pub problems: Vec<SpecError>,
}

/// On whose behalf a stack is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhoDeploys {
    /// `docker_stacks` of a guest: every task is pinned to it.
    Guest(Vmid),
    /// The operator, onto the Swarm as a whole.
    Operator,
}

impl Config {
    /// The infrastructure layer of a guest; reads the files that go onto its volumes.
    ///
    /// # Errors
    /// [`SpecError::UnknownGuest`].
    pub fn guest_declaration(&self, vmid: Vmid) -> Result<GuestDeclaration, SpecError> {
        let guest = self
            .guests
            .get(&vmid)
            .ok_or(SpecError::UnknownGuest(vmid))?;
        let mut problems = Vec::new();
        for volume in guest
            .volumes
            .iter()
            .filter(|volume| volume.server.is_none())
        {
            problems.push(SpecError::VolumeServer {
                volume: volume.name.clone(),
            });
        }
        let files = (guest.compose_files.iter())
            .map(|file| file_spec(guest, file, &mut problems))
            .collect();
        let spec = GuestSpec {
            base_setup: guest.features.base_setup.then(|| guest.base_setup.clone()),
            docker: guest.features.docker.then(DockerSpec::default),
            volumes: Some(guest.volumes.iter().map(volume_spec).collect()),
            files: Some(files),
            gpu: wants_gpu(guest).then(GpuSpec::default),
        };
        Ok(GuestDeclaration { spec, problems })
    }

    /// A stack as assigned to a guest of a Swarm.
    ///
    /// # Errors
    /// The stack is unknown, or one of its files cannot be read.
    pub fn stack_spec(
        &self,
        vmid: Vmid,
        assignment: &StackAssignment,
    ) -> Result<StackSpec, SpecError> {
        self.environment_spec(
            &assignment.name,
            &assignment.environment,
            &assignment.deployed_name,
            WhoDeploys::Guest(vmid),
        )
    }

    /// A stack in any environment; an undeclared one has no variables and no files.
    ///
    /// # Errors
    /// The stack is unknown, or one of its files cannot be read.
    pub fn environment_spec(
        &self,
        stack: &str,
        environment: &str,
        namespace: &str,
        who: WhoDeploys,
    ) -> Result<StackSpec, SpecError> {
        let stack = self
            .stacks
            .get(stack)
            .ok_or_else(|| SpecError::UnknownStack(stack.to_owned()))?;
        let nothing = Environment::default();
        let content = stack.environments.get(environment).unwrap_or(&nothing);
        let compose = read_compose(stack)?;
        Ok(StackSpec {
            namespace: namespace.to_owned(),
            registries: self.logins(&compose, content)?,
            compose,
            variables: content
                .variables
                .iter()
                .map(|(name, variable)| (name.clone(), variable.value.clone()))
                .collect::<BTreeMap<_, _>>(),
            files: read_files(stack, environment, content)?,
            placement: stack.placement.clone(),
            compat: stack.compat,
            resolve_image: stack.resolve_image,
            on_failure: stack.on_failure,
            rotate: stack.rotate,
            dropped_keys: stack.dropped_keys,
            pinned_to: match who {
                WhoDeploys::Guest(vmid) => Some(vmid),
                WhoDeploys::Operator => None,
            },
            wait_seconds: stack.wait_seconds,
        })
    }
}

/// The node label says so, and there is an engine to tell.
fn wants_gpu(guest: &Guest) -> bool {
    let label = (guest.swarm.as_ref()).and_then(|member| member.labels.get("gpu"));
    guest.features.docker && label.is_some_and(|value| value == "true")
}

fn volume_spec(volume: &Volume) -> VolumeSpec {
    VolumeSpec {
        name: volume.name.clone(),
        server: volume.server.clone(),
        path: volume.path.clone(),
        mount_point: volume.mount_point.clone(),
        options: volume.options.clone(),
    }
}

fn file_spec(guest: &Guest, file: &ComposeFile, problems: &mut Vec<SpecError>) -> FileSpec {
    let content = file_content(guest, file).map_err(|problem| problems.push(problem));
    FileSpec {
        destination: file.destination.clone(),
        content: content.ok(),
    }
}

fn file_content(guest: &Guest, file: &ComposeFile) -> Result<FileContent, SpecError> {
    let on = |volume: &&Volume| Path::new(&file.destination).starts_with(&volume.mount_point);
    if let Some(volume) = guest.volumes.iter().find(on)
        && volume.server.is_none()
    {
        return Err(SpecError::FileVolume {
            volume: volume.name.clone(),
            destination: file.destination.clone(),
        });
    }
    let bytes =
        read_limited(&file.source, COMPOSE_LIMIT_BYTES).map_err(|source| SpecError::GuestFile {
            destination: file.destination.clone(),
            origin: Box::new(file.origin.clone()),
            source: Box::new(source),
        })?;
    Ok(FileContent {
        sha256: sha256_hex(&bytes),
        base64: Secret::new(base64::engine::general_purpose::STANDARD.encode(bytes)),
        mode: file.mode,
        owner: file.owner,
    })
}

impl Config {
    /// The logins that a stack may need: those whose server its compose file or a variable names. An image
    /// without a server is Docker Hub's.
    fn logins(
        &self,
        compose: &ComposeText,
        content: &Environment,
    ) -> Result<Vec<RegistryLogin>, SpecError> {
        let named = |server: &str| {
            let mut values = content.variables.values();
            server == DOCKER_HUB
                || compose.text.contains(server)
                || values.any(|variable| variable.value.expose().contains(server))
        };
        let registries = self.hypervisor.registries.iter();
        registries
            .filter(|registry| named(&registry.server))
            .map(login)
            .collect()
    }
}

fn login(registry: &Registry) -> Result<RegistryLogin, SpecError> {
    let failed = |source| SpecError::RegistryPassword {
        server: registry.server.clone(),
        origin: Box::new(registry.origin.clone()),
        source: Box::new(source),
    };
    let content = read_limited(&registry.password_file, PASSWORD_LIMIT_BYTES).map_err(failed)?;
    let text = String::from_utf8_lossy(&content);
    Ok(RegistryLogin {
        server: registry.server.clone(),
        username: registry.username.clone(),
        password: Secret::new(text.trim_end_matches(['\r', '\n'])),
    })
}

fn read_compose(stack: &Stack) -> Result<ComposeText, SpecError> {
    let path: &Path = &stack.compose_file_path;
    let content = read_limited(path, COMPOSE_LIMIT_BYTES).map_err(|source| SpecError::Compose {
        stack: stack.name.clone(),
        origin: Box::new(stack.origin.clone()),
        source: Box::new(source),
    })?;
    let text = String::from_utf8(content).map_err(|_| SpecError::NotText {
        stack: stack.name.clone(),
        path: path.to_owned(),
        origin: Box::new(stack.origin.clone()),
    })?;
    Ok(ComposeText {
        path: path.display().to_string(),
        text,
    })
}

fn read_files(
    stack: &Stack,
    environment: &str,
    content: &Environment,
) -> Result<Vec<StackFile>, SpecError> {
    content
        .files
        .iter()
        .map(|file| {
            let bytes =
                read_limited(&file.source, FILE_LIMIT_BYTES).map_err(|source| SpecError::File {
                    stack: stack.name.clone(),
                    environment: environment.to_owned(),
                    name: file.name.clone(),
                    origin: Box::new(file.origin.clone()),
                    source: Box::new(source),
                })?;
            Ok(StackFile {
                name: file.name.clone(),
                content_base64: base64::engine::general_purpose::STANDARD.encode(bytes),
            })
        })
        .collect()
}
