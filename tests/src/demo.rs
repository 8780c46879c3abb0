//! `lab demo`: Proxmox's start event turns two bare guests into a Swarm with a stack, before one's eyes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::estate::{Estate, EstateError};

/// How long the two guests may take.
const LIMIT: Duration = Duration::from_secs(100);

/// Where the demo's web pages are, and what must stand on them.
const PAGES: [(&str, &str); 4] = [
    ("http://192.168.77.12:8080/", "production 1.0"),
    ("http://192.168.77.12:8080/file", "Hello from production."),
    ("http://192.168.77.12:8081/", "dev1 1.1-rc"),
    (
        "http://192.168.77.12:8081/file",
        "Hello from the dev1 environment.",
    ),
];

/// Why the demo did not show what it promises.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(transparent)]
    Estate(#[from] EstateError),
    #[error("{url} answers {answer:?}, not {wanted:?}")]
    Page {
        url: String,
        answer: String,
        wanted: String,
    },
    #[error("the second run of {vmid} ended with {code}: {output}")]
    SecondRun {
        vmid: u32,
        code: i32,
        output: String,
    },
    #[error("the second run wrote to Docker: {0:?}")]
    Written(Vec<String>),
}

/// Runs the demo; `say` gets each line.
///
/// # Errors
/// Something is not as promised; the lab is taken down all the same.
pub fn run(mut say: impl FnMut(&str)) -> Result<(), DemoError> {
    let begin = Instant::now();
    say("A Proxmox node (pve1, phoenix-hook installed) and two bare guests, switched off:");
    say(
        "  1001 Debian 12, to be the Swarm's manager; 1002 Debian 13, worker with labels and a stack",
    );
    let estate = Estate::up()?;
    say(&format!(
        "lab is up after {:.1} s",
        begin.elapsed().as_secs_f32()
    ));
    say("");
    // The worker first: it has to wait for its manager, and is taken up by itself.
    for vmid in [1002, 1001] {
        start(&estate, vmid, &mut say)?;
    }
    say("");
    watch(&estate, &mut say)?;
    show_status(&estate, &mut say)?;
    check_pages(&estate, &mut say)?;
    second_run(&estate, &mut say)?;
    estate.0.down().map_err(EstateError::from)?;
    say(&format!(
        "demo: all as promised, {:.0} s",
        begin.elapsed().as_secs_f32()
    ));
    Ok(())
}

fn start(estate: &Estate, vmid: u32, say: &mut impl FnMut(&str)) -> Result<(), DemoError> {
    let started = Instant::now();
    let output = estate.start(vmid)?;
    let took = started.elapsed().as_secs_f32();
    say(&format!("$ qm start {vmid}    (back after {took:.1} s)"));
    for line in output.lines() {
        say(&format!("  {line}"));
    }
    Ok(())
}

/// Prints every step of every guest once, as the records show it.
fn watch(estate: &Estate, say: &mut impl FnMut(&str)) -> Result<(), DemoError> {
    let begin = Instant::now();
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    estate.wait_converged(LIMIT, |status| {
        for guest in status["guests"].as_array().into_iter().flatten() {
            let vmid = guest["vmid"].to_string();
            let record = &guest["record"];
            let trigger = record["trigger"].as_str().unwrap_or_default();
            let steps = record["steps"].as_array().map_or(&[][..], Vec::as_slice);
            let known = shown.entry(format!("{vmid} {trigger}")).or_default();
            for step in steps.iter().skip(*known) {
                say(&format!(
                    "{:5.1} s  {vmid}  {}",
                    begin.elapsed().as_secs_f32(),
                    text(step)
                ));
            }
            *known = steps.len();
        }
    })?;
    say("");
    Ok(())
}

fn text(step: &Value) -> String {
    let action = step["action"].as_str().unwrap_or_default();
    match step["error"].as_str() {
        Some("") | None => action.to_owned(),
        Some(error) => format!("{action}: {error}"),
    }
}

fn show_status(estate: &Estate, say: &mut impl FnMut(&str)) -> Result<(), DemoError> {
    say("$ phoenix status");
    for line in estate.phoenix("status")?.stdout.lines() {
        say(&format!("  {line}"));
    }
    say("");
    Ok(())
}

fn check_pages(estate: &Estate, say: &mut impl FnMut(&str)) -> Result<(), DemoError> {
    for (url, wanted) in PAGES {
        let answer = estate.0.http_get(url).map_err(EstateError::from)?.text();
        let answer = answer.trim();
        say(&format!("$ curl {url}    {answer}"));
        if !answer.contains(wanted) {
            return Err(DemoError::Page {
                url: url.to_owned(),
                answer: answer.to_owned(),
                wanted: wanted.to_owned(),
            });
        }
    }
    say("");
    Ok(())
}

/// The same event again: nothing is left to do, and nothing is written.
fn second_run(estate: &Estate, say: &mut impl FnMut(&str)) -> Result<(), DemoError> {
    let before = estate.docker_writes().len();
    for vmid in [1001, 1002] {
        let started = Instant::now();
        let ran = estate.phoenix(&format!("run {vmid} post-start"))?;
        let took = started.elapsed().as_secs_f32();
        say(&format!("$ phoenix run {vmid} post-start    ({took:.2} s)"));
        say(&format!("  {}", ran.stdout.trim()));
        if !ran.success() || !ran.stdout.contains("nothing written") {
            return Err(DemoError::SecondRun {
                vmid,
                code: ran.code,
                output: ran.stdout + &ran.stderr,
            });
        }
    }
    let written = estate.docker_writes().split_off(before);
    if !written.is_empty() {
        return Err(DemoError::Written(written));
    }
    say("writes to the guests' Docker during the second run: 0");
    say("");
    Ok(())
}
