//! Every recorded request that Phoenix may send, against the server.

use std::collections::BTreeMap;
use std::path::PathBuf;

use phoenix_tests::fakepve::FakePve;
use serde_json::{Value, json};

use crate::http::Http;

/// One recorded request and its answer.
struct Step {
    name: String,
    method: String,
    path: String,
    token: Option<String>,
    body: String,
    status: u16,
    answer: Value,
}

fn recordings() -> Vec<(String, Vec<Step>)> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/pve-transcripts");
    let folder = std::env::var_os("PHOENIX_PVE_TRANSCRIPTS")
        .map_or_else(|| PathBuf::from(default), PathBuf::from);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path().join("steps.json"))
        .collect();
    files.sort();
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).ok()?;
        let recording: Value = serde_json::from_str(&text).unwrap();
        let name = recording["name"].as_str().unwrap().to_owned();
        let steps = recording["steps"].as_array().unwrap().iter();
        let steps: Vec<Step> = steps.filter_map(|step| Step::of(&name, step)).collect();
        (!steps.is_empty()).then_some((name, steps))
    };
    files.into_iter().filter_map(read).collect()
}

impl Step {
    fn of(name: &str, step: &Value) -> Option<Self> {
        let (head, body) = step["request"].as_str()?.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let token = lines.find_map(|line| line.strip_prefix("Authorization: PVEAPIToken="));
        let answer = step["response_body"].as_str()?;
        Some(Self {
            name: format!("{name} {}", step["n"]),
            method: words.next()?.to_owned(),
            path: words.next()?.to_owned(),
            token: token.map(str::to_owned),
            body: body.to_owned(),
            status: u16::try_from(step["http_status"].as_u64()?).ok()?,
            answer: serde_json::from_str(answer).unwrap_or(json!(answer)),
        })
    }

    /// The guest it is about.
    fn vmid(&self) -> Option<u32> {
        self.path
            .split("/qemu/")
            .nth(1)?
            .split(['/', '?'])
            .next()?
            .parse()
            .ok()
    }

    /// Why it is not sent.
    fn skip(&self) -> Option<&'static str> {
        let path = self.path.split('?').next().unwrap_or_default();
        if path.contains("/lxc") {
            return Some("containers");
        }
        if path.contains("/agent") {
            return Some("Phoenix speaks to the agent's socket itself");
        }
        let is_task = self.answer["data"]
            .as_str()
            .is_some_and(|data| data.starts_with("UPID:"));
        if self.path.contains("/tasks/UPID") || is_task && !path.ends_with("/clone") {
            return Some("tasks: their ends are compared by tests of their own");
        }
        let broken =
            self.body.starts_with('{') && serde_json::from_str::<Value>(&self.body).is_err();
        if broken || self.status == 501 || self.method == "PATCH" || self.body.len() > 100_000 {
            return Some("requests that no client sends");
        }
        if path.contains("/qemu/")
            && (path.ends_with("/config") || path.ends_with("/clone") || path.ends_with("/resize"))
            || path.ends_with("/version")
            || path.ends_with("/nextid")
        {
            return None;
        }
        if self.status == 403 || self.status == 401 {
            return None;
        }
        Some("answers of other paths")
    }
}

/// What a client takes from an answer: the status, and which parameters were wrong or what was said.
fn essence(status: u16, body: &Value) -> String {
    let errors = body["errors"].as_object().map(|errors| {
        let mut names: Vec<&String> = errors.keys().collect();
        names.sort();
        format!("{names:?}")
    });
    let message = body["message"].as_str().unwrap_or_default().trim();
    match status {
        200 => "200".to_owned(),
        _ => format!("{status} {}", errors.unwrap_or_else(|| message.to_owned())),
    }
}

fn prepare(pve: &FakePve, steps: &[Step]) {
    for (token, grants) in [
        ("root@pam!t1", &[][..]),
        ("ph@pve!t2", &[("/", RIGHTS)][..]),
        ("ph@pve!t3", &[][..]),
        (
            "aud@pve!a1",
            &[("/", &["VM.Audit", "Sys.Audit", "Datastore.Audit"][..])][..],
        ),
    ] {
        pve.add_token(token, "TOKEN", grants).unwrap();
    }
    let absent = |vmid: u32| {
        let says = [
            format!("{vmid}.conf' does not exist"),
            format!("file for VM {vmid} on"),
        ];
        let made = |step: &Step| {
            step.path.ends_with("/clone") && step.body.contains(&format!("newid={vmid}"))
        };
        let missed = |step: &Step| {
            let message = step.answer["message"].as_str().unwrap_or_default();
            says.iter().any(|text| message.contains(text))
        };
        // A token without rights is told nothing.
        let first = steps
            .iter()
            .find(|step| step.vmid() == Some(vmid) && step.status != 403);
        steps.iter().any(made) || first.is_some_and(missed)
    };
    let mut configs: BTreeMap<u32, Value> = BTreeMap::new();
    for vmid in steps
        .iter()
        .filter_map(Step::vmid)
        .filter(|vmid| !absent(*vmid))
    {
        let disk = if vmid == 900 { "base" } else { "vm" };
        configs.entry(vmid).or_insert_with(|| {
            json!({"cores": 1, "memory": "256", "ciuser": "a",
                "scsi0": format!("local:{vmid}/{disk}-{vmid}-disk-0.qcow2,size=1G")})
        });
    }
    for (vmid, config) in configs {
        let guest = json!({"vmid": vmid, "name": format!("g{vmid}"), "config": config,
            "node": "pvetest", "template": vmid == 900});
        pve.ask("add-vm", &guest).unwrap();
    }
    pve.ask("snippet", &json!({"volume": "local:snippets/hook.py"}))
        .unwrap();
}

const RIGHTS: &[&str] = &[
    "VM.Audit",
    "VM.Clone",
    "VM.Allocate",
    "VM.PowerMgmt",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Disk",
    "VM.Config.Options",
    "VM.Config.Cloudinit",
    "VM.Config.Network",
    "VM.Config.HWType",
    "Datastore.AllocateSpace",
];

/// What the answer says of the guest before the request, where the recorder had done it by hand.
fn meet(pve: &FakePve, step: &Step) {
    let said = step.answer["message"].as_str().unwrap_or_default();
    let lock = said
        .split("is locked (")
        .nth(1)
        .and_then(|rest| rest.split(')').next());
    if let (Some(lock), Some(vmid)) = (lock, step.vmid()) {
        pve.ask("lock", &json!({"vmid": vmid, "lock": lock}))
            .unwrap();
    }
    if said.contains("config file already exists") {
        let mut words = said.split([' ', ':']);
        let vmid = words.find_map(|word| word.parse::<u32>().ok()).unwrap();
        if pve.guest(vmid).unwrap().is_null() {
            let guest = json!({"vmid": vmid, "name": "taken", "config": {}, "node": "pvetest"});
            pve.ask("add-vm", &guest).unwrap();
        }
    }
}

#[tokio::test]
async fn pve_transcripts_hold_the_rest_api() {
    let recordings = recordings();
    if recordings.is_empty() {
        println!("skipped: no recordings of requests");
        return;
    }
    let (mut compared, mut wrong) = (0, Vec::new());
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, steps) in &recordings {
        let Some(pve) = FakePve::for_test() else {
            return;
        };
        prepare(&pve, steps);
        let http = Http::of(&pve);
        for step in steps {
            if let Some(reason) = step.skip() {
                *skipped.entry(reason).or_default() += 1;
                continue;
            }
            meet(&pve, step);
            let token = step.token.as_deref();
            let got = http.send(&step.method, &step.path, token, &step.body).await;
            compared += 1;
            let (got, wanted) = (
                essence(got.status, &got.body),
                essence(step.status, &step.answer),
            );
            if got != wanted {
                let line = format!("{} {} {}", step.method, step.path, step.body);
                wrong.push(format!("{}: {line}: {got:?} for {wanted:?}", step.name));
            }
        }
    }
    println!(
        "{} recordings with requests, {compared} compared",
        recordings.len()
    );
    for (reason, count) in &skipped {
        println!("{count:5} skipped: {reason}");
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared > 0);
}
