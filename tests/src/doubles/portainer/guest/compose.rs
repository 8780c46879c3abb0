//! `compose up` and `compose down` in memory.

use std::collections::BTreeMap;

use phoenix_common::digest::sha256_hex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::objects::{Container, Store};
use super::project::{self, Project};
use super::yaml::text_of;
use super::{MemoryGuest, is_pullable, variables};

/// A stack that the server double brings up through the agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::doubles::portainer) struct UpRequest {
    pub(in crate::doubles::portainer) project: String,
    pub(in crate::doubles::portainer) file: String,
    /// Where the file lies on the server, for labels and messages.
    pub(in crate::doubles::portainer) path: String,
    pub(in crate::doubles::portainer) env: Vec<(String, String)>,
    /// What leaks into the file from the server's own environment.
    pub(in crate::doubles::portainer) leaked: Vec<(String, String)>,
    pub(in crate::doubles::portainer) remove_orphans: bool,
    pub(in crate::doubles::portainer) recreate: bool,
}

/// A stack that is taken down; volumes stay.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::doubles::portainer) struct DownRequest {
    pub(in crate::doubles::portainer) project: String,
}

impl MemoryGuest {
    /// Everything is made at once; what depends on others is started by [`Self::settle`].
    ///
    /// # Errors
    /// compose's text; what was started by then stays.
    pub(in crate::doubles::portainer) fn up(&self, request: &UpRequest) -> Result<(), String> {
        let loading = "failed to create compose project: failed to load the compose file";
        if !is_project_name(&request.project) {
            return Err(format!(
                "{loading} options : invalid project name \"{}\": must consist only of lowercase \
                 alphanumeric characters, hyphens, and underscores as well as start with a letter \
                 or number",
                request.project
            ));
        }
        let values = variables::of_dotenv(&request.env, &request.leaked)
            .map_err(|wrong| format!("{loading} options : failed to read stack.env: {wrong}"))?;
        let project = Project::of(&request.file, &request.path, &values)
            .map_err(|wrong| format!("{loading} : {wrong}"))?;
        check_env_files(&project, request)?;
        let mut store = self.lock();
        bring_up(&mut store, &project, request)
            .map_err(|wrong| format!("compose up operation failed: {wrong}"))
    }

    /// The end of a deployment: what waited for others runs.
    pub(in crate::doubles::portainer) fn settle(&self, request: &UpRequest) {
        for one in &mut self.lock().containers {
            if one.project() == request.project && one.state == "created" {
                "running".clone_into(&mut one.state);
            }
        }
    }

    pub(in crate::doubles::portainer) fn down(&self, request: &DownRequest) {
        let mut store = self.lock();
        store
            .containers
            .retain(|one| one.project() != request.project);
        let owner = Some(request.project.as_str());
        store.networks.retain(|one| {
            one.labels
                .get("com.docker.compose.project")
                .map(String::as_str)
                != owner
        });
    }
}

fn is_project_name(name: &str) -> bool {
    let good = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    name.starts_with(good)
        && name
            .chars()
            .all(|letter| good(letter) || "-_".contains(letter))
}

fn check_env_files(project: &Project, request: &UpRequest) -> Result<(), String> {
    for (_, service) in &project.services {
        for file in project::words(service.get("env_file")) {
            if file != "stack.env" {
                let folder = request
                    .path
                    .rsplit_once('/')
                    .map_or("", |(folder, _)| folder);
                return Err(format!(
                    "failed to create compose project: failed to resolve services environment: env \
                     file {folder}/{file} not found"
                ));
            }
        }
    }
    Ok(())
}

fn bring_up(store: &mut Store, project: &Project, request: &UpRequest) -> Result<(), String> {
    for (_, service) in &project.services {
        let image = text_of(service.get("image").unwrap_or(&Value::Null));
        if !is_pullable(&image, &store.refused_images) {
            return Err(format!(
                "Error response from daemon: no such image: {image}"
            ));
        }
    }
    for (name, network) in project.section("networks") {
        let is_external = network.get("external") == Some(&Value::Bool(true));
        let exists = store.networks.iter().any(|one| one.name == name);
        if is_external && !exists {
            return Err(format!(
                "network {name} declared as external, but could not be found"
            ));
        }
    }
    let network = format!("{}_default", request.project);
    store.add_network(&network, "com.docker.compose.project", &request.project);
    for (name, _) in project.section("volumes") {
        store.volumes.insert(format!("{}_{name}", request.project));
    }
    for (name, service) in &project.services {
        start(store, project, request, (name, service))?;
    }
    if request.remove_orphans {
        let keep = |one: &Container| {
            let service = one.label("com.docker.compose.service");
            one.project() != request.project
                || project.services.iter().any(|(name, _)| name == service)
        };
        store.containers.retain(keep);
    }
    Ok(())
}

fn start(
    store: &mut Store,
    project: &Project,
    request: &UpRequest,
    (name, service): (&String, &Map<String, Value>),
) -> Result<(), String> {
    let wanted = container(request, name, service);
    let is_this = |one: &Container| {
        one.project() == request.project && one.label("com.docker.compose.service") == name
    };
    let hash = "com.docker.compose.config-hash";
    let found = store.containers.iter_mut().find(|one| is_this(one));
    if let Some(one) =
        found.filter(|one| !request.recreate && one.label(hash) == wanted.label(hash))
    {
        "running".clone_into(&mut one.state);
        return Ok(());
    }
    store.containers.retain(|one| !is_this(one));
    check_create(store, project, request, (&wanted, service))?;
    let checked = check_start(store, &wanted);
    let mut made = wanted;
    if checked.is_err() || service.contains_key("depends_on") {
        "created".clone_into(&mut made.state);
    }
    // A container that cannot start is there all the same.
    store.containers.push(made);
    checked
}

/// What keeps a container that was made from starting.
fn check_start(store: &Store, wanted: &Container) -> Result<(), String> {
    let daemon = "Error response from daemon";
    let taken = |port: &&u16| {
        let by_container = |one: &Container| one.host_ports.contains(port);
        store.taken_ports.contains(port) || store.containers.iter().any(by_container)
    };
    if let Some(port) = wanted.host_ports.iter().find(taken) {
        return Err(format!(
            "{daemon}: Bind for 0.0.0.0:{port} failed: port is already allocated"
        ));
    }
    let command = wanted.command.first().cloned().unwrap_or_default();
    if store.refused_commands.contains(&command) {
        return Err(format!(
            "{daemon}: failed to create shim task: exec: \"{command}\": no such file or directory"
        ));
    }
    Ok(())
}

/// What keeps a container from being made.
fn check_create(
    store: &Store,
    project: &Project,
    request: &UpRequest,
    (wanted, service): (&Container, &Map<String, Value>),
) -> Result<(), String> {
    let daemon = "Error response from daemon";
    if let Some(other) = store.containers.iter().find(|one| one.name == wanted.name) {
        return Err(format!(
            "{daemon}: Conflict. The container name \"/{}\" is already in use by container \"{}\".",
            wanted.name, other.id
        ));
    }
    let configs = project.section("configs");
    for source in project::references(service.get("configs")) {
        let file = configs.get(&source).and_then(|config| config.get("file"));
        if let Some(file) = file.map(text_of).filter(|file| !file.starts_with('/')) {
            let folder = request
                .path
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder);
            return Err(format!(
                "{daemon}: invalid mount config for type \"bind\": bind source path does not \
                 exist: {folder}/{file}"
            ));
        }
    }
    Ok(())
}

fn container(request: &UpRequest, name: &str, service: &Map<String, Value>) -> Container {
    let named = service.get("container_name").map(text_of);
    let named = named.unwrap_or_else(|| format!("{}-{name}-1", request.project));
    let image = text_of(service.get("image").unwrap_or(&Value::Null));
    let mut container = Container::new(&named, &image);
    container.command = project::words(service.get("command"));
    container.env = project::assignments(service.get("environment"));
    if service.contains_key("env_file") {
        let pairs = request.env.iter();
        container
            .env
            .extend(pairs.map(|(key, value)| format!("{key}={value}")));
    }
    container.networks = vec![format!("{}_default", request.project)];
    container.restart = service.get("restart").map(text_of).unwrap_or_default();
    container.host_ports = host_ports(service.get("ports"));
    let own = project::assignments(service.get("labels"));
    container.labels = own
        .iter()
        .filter_map(|label| label.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    // As in compose: what a service waits for does not make it another.
    let mut hashed = service.clone();
    hashed.remove("depends_on");
    let hash = sha256_hex(Value::Object(hashed).to_string().as_bytes());
    let folder = request
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let labels = BTreeMap::from([
        ("project", request.project.as_str()),
        ("service", name),
        ("config-hash", &hash),
        ("container-number", "1"),
        ("oneoff", "False"),
        ("project.config_files", &request.path),
        ("project.working_dir", folder),
    ]);
    for (key, value) in labels {
        let key = format!("com.docker.compose.{key}");
        container.labels.insert(key, value.to_owned());
    }
    container
}

/// The host's side of `"9001:80"`, `"1.2.3.4:9001:80/tcp"` and the long form.
fn host_ports(value: Option<&Value>) -> Vec<u16> {
    let Some(Value::Array(list)) = value else {
        return Vec::new();
    };
    let published = |one: &Value| {
        if let Some(port) = one.get("published") {
            return text_of(port).parse().ok();
        }
        let text = text_of(one);
        let (host, _) = text.rsplit_once(':')?;
        host.rsplit(':').next()?.parse().ok()
    };
    list.iter().filter_map(published).collect()
}
