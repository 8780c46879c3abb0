//! One step of a case through the pure pipeline.

use std::fmt::Debug;

use phoenix_common::secret::Secret;
use phoenix_common::spec::{Compat, ComposeText, DroppedKeys, Rotate};
use phoenix_guest_agent::stack::compose::{Input, Outcome, compose};
use phoenix_guest_agent::stack::diff::{Keeps, Mask};
use phoenix_guest_agent::stack::files::Files;
use phoenix_guest_agent::stack::interpolate::Environment;
use phoenix_guest_agent::stack::live::Live;
use phoenix_guest_agent::stack::names::{Namespace, is_node_network};
use phoenix_guest_agent::stack::operation::{Call, Method, Operation};
use phoenix_guest_agent::stack::planner::{CONTENT_LABEL, Policy, Step, content_hash, plan};
use serde_json::Value;

use super::case::Case;
use super::compare::{differences, normal};
use super::{live, refusals};

pub(crate) enum Verdict {
    Equal,
    Differs(String),
}

/// The recordings are of engine 20.10: API 1.41.
pub(crate) fn policy(like_docker: bool, prune: bool) -> Policy {
    Policy {
        like_docker,
        prune,
        rotate: Rotate::On,
        mends_image: false,
        keeps: Keeps::of_api(1, 41),
        mask: Mask::default(),
    }
}

/// Why we take no step of it.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The kinds of the mistakes: `BadFormat`.
    kinds: Vec<String>,
    text: String,
}

impl Refused {
    fn new<T: Debug>(mistakes: &[T], text: String) -> Self {
        let kind = |mistake: &T| {
            let words = format!("{mistake:?}");
            let end = words.find(|letter: char| !letter.is_alphanumeric());
            words[..end.unwrap_or(words.len())].to_owned()
        };
        Self {
            kinds: mistakes.iter().map(kind).collect(),
            text,
        }
    }
}

pub(crate) fn outcome(case: &Case, index: usize, compat: Compat) -> Result<Outcome, Refused> {
    let files = case.input();
    let compose_texts: Vec<ComposeText> = case.steps[index]
        .compose_files
        .iter()
        .map(|path| {
            let content = files
                .iter()
                .find(|(name, _)| name == path)
                .map(|(_, content)| content);
            let content = content.unwrap_or_else(|| panic!("{}: no {path}", case.name));
            ComposeText {
                path: path.clone(),
                text: String::from_utf8_lossy(content).into_owned(),
            }
        })
        .collect();
    let variables = case.environment.iter();
    // Relative paths start at the first file's directory.
    let first = compose_texts.first().map_or("", |file| file.path.as_str());
    let directory = match first.rsplit_once('/') {
        Some((folder, _)) => format!("{}/{folder}", case.workdir),
        None => case.workdir.clone(),
    };
    let input = Input {
        namespace: Namespace::new(&case.stack),
        compose: &compose_texts,
        environment: Environment::new(
            variables
                .map(|(name, value)| (name.clone(), Secret::new(value)))
                .collect(),
        ),
        files: Files::new(
            files
                .into_iter()
                .map(|(name, content)| (format!("{}/{name}", case.workdir), content)),
            Some(&directory),
        ),
        directory: Some(directory),
        compat,
        dropped_keys: DroppedKeys::Warning,
        pinned: false,
    };
    compose(&input).map_err(|problems| {
        let faults: Vec<_> = problems.0.iter().map(|problem| &problem.fault).collect();
        Refused::new(&faults, problems.to_string())
    })
}

pub(crate) fn steps(
    case: &Case,
    index: usize,
    live: &Live,
    like_docker: bool,
) -> Result<Vec<Step>, Refused> {
    let prune = case.steps[index]
        .arguments
        .iter()
        .any(|argument| argument == "--prune");
    let outcome = outcome(case, index, Compat::Docker)?;
    let namespace = Namespace::new(&case.stack);
    plan(
        &namespace,
        &outcome.desired,
        live,
        &policy(like_docker, prune),
    )
    .map(|planned| planned.steps)
    .map_err(|refusals| {
        let texts: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        Refused::new(&refusals, texts.join("\n"))
    })
}

pub(crate) fn run_step(case: &Case, index: usize) -> Verdict {
    let refused_by_docker = case.steps[index].exit_code != 0;
    let expected = case.expected(index, "requests");
    let expected: Vec<&Value> = expected.as_array().into_iter().flatten().collect();
    let live = live::before(case, index);
    match steps(case, index, &live, true) {
        Err(why) if refused_by_docker => same_mistake(case, &why),
        Err(why) => Verdict::Differs(format!("docker accepts, we refuse: {}", why.text)),
        Ok(steps) if refused_by_docker => refused_by_engine(case, index, &steps, &expected),
        Ok(steps) => compare(&steps, &expected),
    }
}

/// Ours must be the mistake the case was made for.
fn same_mistake(case: &Case, why: &Refused) -> Verdict {
    let made_for = refusals::made_for(&case.name);
    if !case.name.starts_with("syn-") || made_for.is_some_and(|kind| why.kinds == [kind]) {
        return Verdict::Equal;
    }
    Verdict::Differs(format!(
        "refused for {:?}, made for {made_for:?}: {}",
        why.kinds, why.text
    ))
}

/// A refusal of the engine itself: then we would have made the very call that it refused.
fn refused_by_engine(case: &Case, index: usize, steps: &[Step], expected: &[&Value]) -> Verdict {
    let failed: Vec<&&Value> = expected
        .iter()
        .filter(|call| call["status"].as_i64() >= Some(400))
        .collect();
    if failed.is_empty() {
        return Verdict::Differs("docker refuses, we accept".to_owned());
    }
    if case.is_unstable(index, "requests") {
        return Verdict::Equal;
    }
    let calls: Vec<Value> = steps
        .iter()
        .map(|step| normal_call(&step.operation))
        .collect();
    let missing = failed.iter().find(|call| !calls.contains(&recorded(call)));
    match missing {
        None => Verdict::Equal,
        Some(call) => Verdict::Differs(format!("the call the engine refused is not ours: {call}")),
    }
}

fn compare(steps: &[Step], expected: &[&Value]) -> Verdict {
    let mut ours: Vec<Value> = steps
        .iter()
        .map(|step| normal_call(&step.operation))
        .collect();
    let mut docker: Vec<Value> = expected.iter().map(|call| recorded(call)).collect();
    let key = |call: &Value| {
        format!(
            "{} {} {}",
            call["method"], call["path"], call["body"]["Name"]
        )
    };
    ours.sort_by_key(key);
    docker.sort_by_key(key);
    let names = |calls: &[Value]| calls.iter().map(key).collect::<Vec<_>>();
    if names(&ours) != names(&docker) {
        return Verdict::Differs(format!(
            "calls: ours {:?}\n  docker's {:?}",
            names(&ours),
            names(&docker)
        ));
    }
    let pairs = ours.iter().zip(&docker);
    let differences: Vec<String> = pairs
        .flat_map(|(ours, docker)| {
            differences(ours, docker)
                .into_iter()
                .map(move |difference| format!("{} {difference}", ours["body"]["Name"]))
        })
        .collect();
    if differences.is_empty() {
        return Verdict::Equal;
    }
    Verdict::Differs(differences.join("\n  "))
}

fn normal_call(operation: &Operation) -> Value {
    let Call {
        method,
        path,
        mut body,
    } = operation.call();
    // References to what a step before creates: their ids are recorded as `@kind:name`.
    if let Some(container) = body.pointer_mut("/TaskTemplate/ContainerSpec") {
        for (list, kind) in [("Secrets", "Secret"), ("Configs", "Config")] {
            for reference in container
                .get_mut(list)
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                let name = reference[format!("{kind}Name")]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                reference[format!("{kind}ID")] = format!("@{}:{name}", kind.to_lowercase()).into();
            }
        }
        if let Some(Value::String(config)) =
            container.pointer_mut("/Privileges/CredentialSpec/Config")
            && !config.is_empty()
            && !config.starts_with('@')
        {
            *config = format!("@config:{config}");
        }
    }
    let method = match method {
        Method::Post => "POST",
        Method::Delete => "DELETE",
    };
    let path = path.split('?').next().unwrap_or_default();
    serde_json::json!({"method": method, "path": path, "body": normal(&body)})
}

fn recorded(call: &Value) -> Value {
    serde_json::json!({"method": call["method"], "path": call["path"], "body": normal(&call["body"])})
}

/// Deploys a step over what the engine stored of that very step: no write may come out, but for
/// secrets, whose content the engine does not tell.
pub(crate) fn second_deploy(case: &Case, index: usize) -> Result<(), String> {
    let mut live = live::before(case, index + 1);
    let desired = outcome(case, index, Compat::Docker)
        .map_err(|why| why.text)?
        .desired;
    // The node's own networks are recorded by ids that nothing else tells.
    let targets = desired
        .services
        .values()
        .flat_map(|service| &service.task_template.networks);
    let own: Vec<String> = targets
        .map(|network| network.target.clone())
        .filter(|name| is_node_network(name))
        .collect();
    let services = live.services.values();
    let attached =
        services.filter_map(|service| service.spec.pointer("/TaskTemplate/Networks/0/Target"));
    let ids = attached
        .filter_map(Value::as_str)
        .filter(|id| !id.starts_with('@'));
    live.hidden_networks = ids.map(str::to_owned).zip(own).collect();
    // As if the secrets were of our making.
    for (name, secret) in &desired.secrets {
        if let Some(existing) = live.secrets.get_mut(name) {
            existing.spec["Labels"][CONTENT_LABEL] = Value::from(content_hash(secret));
        }
    }
    let namespace = Namespace::new(&case.stack);
    let planned = plan(&namespace, &desired, &live, &policy(false, false))
        .map_err(|refusals| format!("{refusals:?}"))?;
    let changes: Vec<String> = planned
        .steps
        .iter()
        .chain(&planned.cleanup)
        .map(|step| format!("{:?}", step.change))
        .collect();
    if changes.is_empty() {
        Ok(())
    } else {
        Err(changes.join("; "))
    }
}
