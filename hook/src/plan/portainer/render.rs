//! The compose file as Portainer gets it. Without files and placement it is the operator's own, byte for byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phoenix_common::digest::sha256_hex;
use phoenix_common::spec::{StackFile, StackSpec};

use super::desired::{ConfigDesired, ServiceDesired, StackContent};
use super::env::{self, EnvError};
use super::yaml::{self, Node, YamlError};
use crate::plan::desired::VMID_LABEL;

/// Makes a service anew when the content of its files changes, which compose alone does not notice.
const FILES_LABEL: &str = "phoenix.files";
/// As long as the stack engine's.
const DIGEST_DIGITS: usize = 12;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error("compose file {path}")]
    Yaml { path: String, source: YamlError },
    #[error(transparent)]
    Env(#[from] EnvError),
    #[error(
        "variable {0} is marked `secret`: Portainer keeps variables in plain text; put it into a file in the guest, or let `deployer: swarm` deploy the stack"
    )]
    Secret(String),
    #[error(
        "{place}: {path} would be looked for on Portainer's own disk, not in the guest: give an absolute path, or declare the file under `files` of the environment"
    )]
    Relative { place: String, path: String },
    #[error("file {0} is declared, but no config of the compose file has that name")]
    UnusedFile(String),
    #[error("file {0} is not text, which a config of plain Docker has to be")]
    NotText(String),
    #[error("service {0} has labels of a form that cannot be added to")]
    Labels(String),
}

/// What Portainer is given for a stack.
pub fn content(
    spec: &StackSpec,
    secret_variables: &[String],
    standalone: bool,
) -> Result<StackContent, RenderError> {
    if let Some(name) = secret_variables.first() {
        return Err(RenderError::Secret(name.clone()));
    }
    let path = spec.compose.path.clone();
    let mut tree =
        yaml::read(&spec.compose.text).map_err(|source| RenderError::Yaml { path, source })?;
    let original = tree.clone();
    let mut configs = Vec::new();
    for file in &spec.files {
        let config = fill(&mut tree, file, &spec.namespace, standalone)?;
        configs.extend(config);
    }
    if standalone {
        label_services(&mut tree, spec)?;
    } else {
        place_services(&mut tree, spec);
    }
    check_paths(&tree)?;
    Ok(StackContent {
        file: if tree == original {
            spec.compose.text.clone()
        } else {
            tree.write()
        },
        env: env::pairs(&spec.variables, standalone)?,
        services: services(&tree),
        configs,
        source: spec.compose.clone(),
        variables: spec.variables.clone(),
    })
}

/// The services of a file that Portainer stores.
pub fn services_of(file: &str) -> Vec<ServiceDesired> {
    yaml::read(file).map_or_else(|_| Vec::new(), |tree| services(&tree))
}

fn services(tree: &Node) -> Vec<ServiceDesired> {
    let services = tree.get("services").map_or(&[][..], Node::entries);
    let runs = services.iter().filter(|(_, service)| {
        let text = |path: [&str; 2]| service.get(path[0])?.get(path[1])?.as_text();
        let scale = service.get("scale").and_then(Node::as_text);
        let replicas = text(["deploy", "replicas"]);
        service.get("profiles").is_none() && scale != Some("0") && replicas != Some("0")
    });
    let service = |(name, service): &(String, Node)| ServiceDesired {
        name: name.clone(),
        one_shot: matches!(
            service.get("restart").and_then(Node::as_text),
            None | Some("no")
        ),
    };
    runs.map(service).collect()
}

/// Gives an entry of the top-level `configs:` its content: inline on plain Docker, as a config of the Swarm else.
fn fill(
    tree: &mut Node,
    file: &StackFile,
    stack: &str,
    standalone: bool,
) -> Result<Option<ConfigDesired>, RenderError> {
    let unused = || RenderError::UnusedFile(file.name.clone());
    let key = key_of(tree, &file.name).ok_or_else(unused)?;
    let bytes = STANDARD.decode(&file.content_base64).unwrap_or_default();
    let configs = tree.entry("configs").ok_or_else(unused)?;
    if standalone {
        let text = String::from_utf8(bytes).map_err(|_| RenderError::NotText(file.name.clone()))?;
        // Compose would take a dollar for a variable.
        let content = Node::text(text.replace('$', "$$"));
        configs.set(&key, Node::Map(vec![("content".to_owned(), content)]));
        return Ok(None);
    }
    let digest = sha256_hex(&bytes);
    let name = format!(
        "{stack}_{key}_{}",
        digest.get(..DIGEST_DIGITS).unwrap_or(&digest)
    );
    let external = vec![
        ("external".to_owned(), Node::flag(true)),
        ("name".to_owned(), Node::text(name.as_str())),
    ];
    configs.set(&key, Node::Map(external));
    Ok(Some(ConfigDesired {
        name,
        content_base64: file.content_base64.clone(),
    }))
}

/// The config that a file fills: by its key, else by the path that the entry names.
fn key_of(tree: &Node, name: &str) -> Option<String> {
    let configs = tree.get("configs")?;
    if configs.get(name).is_some() {
        return Some(name.to_owned());
    }
    let same = |path: &str| path.trim_start_matches("./") == name.trim_start_matches("./");
    let by_path = configs.entries().iter().find(|(_, config)| {
        let path = config.get("file").and_then(Node::as_text);
        path.is_some_and(same)
    });
    by_path.map(|(key, _)| key.clone())
}

/// Every service that mounts a filled config carries the digest of all contents.
fn label_services(tree: &mut Node, spec: &StackSpec) -> Result<(), RenderError> {
    if spec.files.is_empty() {
        return Ok(());
    }
    let contents: Vec<&str> = spec
        .files
        .iter()
        .map(|file| file.content_base64.as_str())
        .collect();
    let digest = sha256_hex(contents.join("\n").as_bytes());
    let Some(Node::Map(services)) = tree.entry("services") else {
        return Ok(());
    };
    for (name, service) in services {
        if service.get("configs").is_none() {
            continue;
        }
        match service.entry("labels") {
            Some(Node::List(labels)) => labels.push(Node::text(format!("{FILES_LABEL}={digest}"))),
            Some(labels @ Node::Map(_)) => labels.set(FILES_LABEL, Node::text(digest.as_str())),
            _ => return Err(RenderError::Labels(name.clone())),
        }
    }
    Ok(())
}

fn place_services(tree: &mut Node, spec: &StackSpec) {
    let Some(Node::Map(services)) = tree.entry("services") else {
        return;
    };
    for (name, service) in services {
        let mut constraints = spec.placement.all_services.clone();
        constraints.extend(
            spec.placement
                .services
                .get(name)
                .cloned()
                .unwrap_or_default(),
        );
        if let Some(vmid) = spec.pinned_to {
            constraints.push(format!("node.labels.{VMID_LABEL} == {vmid}"));
        }
        if constraints.is_empty() {
            continue;
        }
        let list = service
            .entry("deploy")
            .and_then(|deploy| deploy.entry("placement"))
            .and_then(|placement| placement.entry("constraints"));
        let Some(list) = list else {
            continue;
        };
        if !matches!(list, Node::List(_)) {
            *list = Node::List(Vec::new());
        }
        if let Node::List(items) = list {
            let missing = constraints.into_iter().filter(|wanted| {
                !items
                    .iter()
                    .any(|item| item.as_text() == Some(wanted.as_str()))
            });
            let missing: Vec<Node> = missing.map(Node::text).collect();
            items.extend(missing);
        }
    }
}

/// Paths that Portainer's server would look up on its own disk.
fn check_paths(tree: &Node) -> Result<(), RenderError> {
    let refuse = |place: String, path: &str| {
        let path = path.to_owned();
        Err(RenderError::Relative { place, path })
    };
    for section in ["configs", "secrets"] {
        for (name, entry) in tree.get(section).map_or(&[][..], Node::entries) {
            if let Some(path) = entry.get("file").and_then(Node::as_text) {
                return refuse(format!("{section}.{name}"), path);
            }
        }
    }
    for (name, service) in tree.get("services").map_or(&[][..], Node::entries) {
        let env_file = service.get("env_file");
        let files = env_file.map_or(&[][..], Node::items).iter().chain(env_file);
        for path in files.filter_map(Node::as_text) {
            // Portainer's own file with the stack's variables.
            if path != "stack.env" {
                return refuse(format!("services.{name}.env_file"), path);
            }
        }
        for volume in service.get("volumes").map_or(&[][..], Node::items) {
            let source = match volume {
                Node::Scalar { text, .. } => text.split(':').next(),
                other => other.get("source").and_then(Node::as_text),
            };
            let relative =
                |path: &&str| path.starts_with("./") || path.starts_with("../") || *path == ".";
            if let Some(path) = source.filter(relative) {
                return refuse(format!("services.{name}.volumes"), path);
            }
        }
    }
    Ok(())
}
