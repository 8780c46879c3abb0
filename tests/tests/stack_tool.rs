//! `phoenix-guest-agent stack …` by hand in a guest: files, variables, output, exit codes.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use phoenix_tests::lab::{Guest, Lab, LabSpec, Ran, Suite, program};
use serde_json::Value;

const AGENT: &str = "/usr/bin/phoenix-guest-agent";
const COMPOSE: &str = r#"
services:
  web:
    image: "${REGISTRY}/web:1"
    stop_grace_period: 1s
    env_file: conf/web.env
    environment: {VERSION: "${VERSION}", WHO: "${WHO:-nobody}"}
    command: [serve, "${DB_PASSWORD}"]
    entrypoint: [sh, -c, "exec sleep 1000"]
    configs: [app]
    secrets: [key]
configs: {app: {file: ./conf/app.ini}}
secrets: {key: {file: ./conf/key}}
"#;
const OVER: &str = "services: {web: {labels: {over: \"1\"}}}";

struct Tool(Guest);

impl Tool {
    /// Run in the folder above the compose file's, which its relative paths must not mind.
    fn run(&self, words: &str) -> (i32, Ran) {
        let script = format!(
            "cd /srv; export REGISTRY=192.168.77.254:5000 VERSION=1 DB_PASSWORD=canary-password; {AGENT} stack {words}"
        );
        let ran = self.0.run(&["/bin/sh", "-c", &script]).unwrap();
        (ran.code, ran)
    }

    fn ends(&self, words: &str, code: i32) -> Ran {
        let (ended, ran) = self.run(words);
        assert_eq!(ended, code, "{words}\n{}\n{}", ran.stdout, ran.stderr);
        assert!(
            !ran.stdout.contains("canary") && !ran.stderr.contains("canary"),
            "{words}"
        );
        ran
    }
}

#[test]
fn a_stack_by_hand() {
    let spec = LabSpec::new().guest(1001, Suite::Bookworm).image("web:1");
    let Some(lab) = Lab::for_test(&spec) else {
        return;
    };
    let guest = lab.guest(1001);
    let agent = std::fs::read(program("phoenix-guest-agent").unwrap()).unwrap();
    guest.write(AGENT, agent, 0o755).unwrap();
    write_files(&guest);
    let tool = Tool(lab.guest(1001));
    let files = "-c shop/compose.yml -c shop/over.yml --env-file shop/vars.env";

    // No Swarm: a failure with a way on.
    let ran = tool.ends(&format!("plan {files} shop"), 1);
    assert!(
        ran.stderr
            .contains("error: this guest is no manager of a Swarm"),
        "{}",
        ran.stderr
    );
    guest
        .docker("swarm init --advertise-addr 192.168.77.11 --default-addr-pool 10.200.0.0/16")
        .unwrap();

    planned_deployed_again(&tool, files);
    mistakes_and_ends(&tool, files);

    let ran = tool.ends("rm shop", 0);
    assert!(
        ran.stdout.contains("removed service shop_web"),
        "{}",
        ran.stdout
    );
    assert_eq!(tool.ends("rm shop", 0).stdout, "nothing to change\n");
    tool.ends("status shop", 1);
    // From stdin, with paths from here.
    let inline = "echo 'services: {a: {image: \"${REGISTRY}/web:1\"}}' |";
    let script =
        format!("cd /srv; {inline} REGISTRY=192.168.77.254:5000 {AGENT} stack deploy -c - in");
    guest.sh(&script).unwrap();
    tool.ends("rm in", 0);
}

fn mistakes_and_ends(tool: &Tool, files: &str) {
    let write = |text: &str| tool.0.write("/srv/bad.yml", text, 0o644).unwrap();
    write("services:\n  a: {image: i, imagee: i}\n  b: {image: i, env_file: gone.env}\n");
    let ran = tool.ends("deploy -c bad.yml bad", 2);
    assert!(
        ran.stderr
            .contains("bad.yml:2:17: services.a: unknown key `imagee`"),
        "{}",
        ran.stderr
    );
    write("services: {a: {image: i, env_file: gone.env}}");
    let ran = tool.ends("plan -c bad.yml bad", 2);
    assert!(
        ran.stderr.contains("file \"gone.env\" cannot be read"),
        "{}",
        ran.stderr
    );
    let ran = tool.ends("plan -c none.yml bad", 2);
    assert!(
        ran.stderr.contains("cannot read none.yml"),
        "{}",
        ran.stderr
    );
    tool.ends("deploy bad", 2);
    tool.ends("frobnicate", 2);
    write("services: {a: {image: i, networks: [n]}}\nnetworks: {n: {external: true}}");
    tool.ends("deploy -c bad.yml bad", 5);
    write("services: {a: {image: \"${REGISTRY}/none:1\"}}");
    let ran = tool.ends("deploy -c bad.yml --wait 4 bad", 4);
    assert!(
        ran.stderr.contains("a 0/1 running: No such image"),
        "{}",
        ran.stderr
    );
    write("services: {a: {image: \"${REGISTRY}/none:2\"}}");
    let ran = tool.ends("deploy -c bad.yml --wait 30 --json bad", 1);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(
        told["failure"]["messages"][0]
            .as_str()
            .unwrap()
            .contains("No such image")
    );
    tool.ends("status bad", 1);
    tool.ends("rm bad", 0);
    // An update that cannot run, with the way back.
    let broken = "services: {web: {entrypoint: [/none]}}";
    tool.0.write("/srv/shop/broken.yml", broken, 0o644).unwrap();
    let ran = tool.ends(
        &format!("deploy {files} -c shop/broken.yml --on-failure rollback-stack shop"),
        1,
    );
    assert!(
        ran.stderr.contains("was rolled back and runs as before"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("/none"), "{}", ran.stderr);
    tool.ends("status shop", 0);
}

fn write_files(guest: &Guest) {
    for (name, text) in [
        ("compose.yml", COMPOSE),
        ("over.yml", OVER),
        ("conf/web.env", "FROM_FILE='literal'\n"),
        ("conf/app.ini", "first"),
        ("conf/key", "canary-key"),
        (
            "vars.env",
            "# more\nWHO=\"canary-who\"\nVERSION=overruled\n",
        ),
    ] {
        guest
            .write(&format!("/srv/shop/{name}"), text, 0o644)
            .unwrap();
    }
}

fn planned_deployed_again(tool: &Tool, files: &str) {
    // Planned, deployed, the same again.
    let ran = tool.ends(&format!("plan {files} shop"), 3);
    assert!(
        ran.stdout.contains("create service shop_web\n"),
        "{}",
        ran.stdout
    );
    let ran = tool.ends(&format!("deploy {files} shop"), 0);
    assert!(
        ran.stderr.contains("service shop_web: web 1/1 running"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout.contains("created service shop_web\n"),
        "{}",
        ran.stdout
    );
    let told = tool.0.docker("service inspect shop_web").unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let container = &told[0]["Spec"]["TaskTemplate"]["ContainerSpec"];
    let env: Vec<&str> = container["Env"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        env,
        ["FROM_FILE='literal'", "VERSION=1", "WHO=canary-who"],
        "the process wins"
    );
    assert_eq!(container["Labels"]["over"], "1");
    let writes = tool.0.docker_writes().len();
    let ran = tool.ends(&format!("deploy {files} shop"), 0);
    assert_eq!(ran.stdout, "nothing to change\n");
    tool.ends(&format!("plan {files} shop"), 0);
    assert_eq!(tool.0.docker_writes().len(), writes);

    one_field_moves(tool, files);
}

fn one_field_moves(tool: &Tool, files: &str) {
    // One field moves: shown, also as JSON; its secret is not.
    tool.0
        .write(
            "/srv/shop/over.yml",
            "services: {web: {labels: {over: \"2\"}}}",
            0o644,
        )
        .unwrap();
    let ran = tool.ends(&format!("plan {files} shop"), 3);
    assert!(
        ran.stdout.contains("update service shop_web") && ran.stdout.contains("over: 1 -> 2"),
        "{}",
        ran.stdout
    );
    let ran = tool.ends(&format!("plan {files} --json shop"), 3);
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(plan["changes"][0]["subject"], "service shop_web");
    let ran = tool.ends("status shop", 0);
    assert!(
        ran.stdout
            .starts_with("shop_web  1/1  192.168.77.254:5000/web:1"),
        "{}",
        ran.stdout
    );
}
