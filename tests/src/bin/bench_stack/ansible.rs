//! Ansible from the Python package index, in a folder of its own outside the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::bench::{Bench, timed};
use crate::error::BenchError;

/// The package that carries the collection `community.docker`, here 4.8.5.
const PACKAGE: &str = "ansible==12.3.0";
pub(crate) const VERSION: &str = "Ansible 12.3.0 (community.docker 4.8.5)";
/// What the module `docker_stack` imports.
const NEEDS: [&str; 2] = ["jsondiff==2.2.1", "pyyaml"];
const CACHE: &str = "/var/cache/phoenix-bench/ansible-12.3.0";

pub(crate) struct Ansible(PathBuf);

impl Ansible {
    /// Installs it at the first call.
    pub(crate) fn ready() -> Result<Self, BenchError> {
        let folder = PathBuf::from(CACHE);
        let whole = folder.join("whole");
        if !whole.is_file() {
            // Half-made by a run that was cut off.
            let _ = fs::remove_dir_all(&folder);
            let python = Path::new("/usr/bin/python3");
            timed(
                Command::new(python).args(["-m", "venv"]).arg(&folder),
                "python3 -m venv",
            )?;
            let mut install = Command::new(folder.join("bin/pip"));
            install.args(["install", "--quiet", PACKAGE]).args(NEEDS);
            timed(&mut install, "pip install ansible")?;
            fs::write(&whole, "").map_err(BenchError::file("write", &whole))?;
        }
        Ok(Self(folder))
    }

    /// `ansible-playbook`, timed.
    pub(crate) fn time_play(&self, bench: &Bench, playbook: &str) -> Result<Duration, BenchError> {
        let mut command = bench.command(&self.0.join("bin/ansible-playbook"));
        command
            .args(["-i", "localhost,", "-c", "local", playbook])
            .env("ANSIBLE_PYTHON_INTERPRETER", self.0.join("bin/python"))
            .env("ANSIBLE_NOCOLOR", "1");
        let (taken, output) = timed(&mut command, "ansible-playbook")?;
        let said = String::from_utf8_lossy(&output.stdout);
        if said.contains("changed=0") {
            return Ok(taken);
        }
        Err(BenchError::Wrong {
            contender: "ansible-playbook".to_owned(),
            wrong: said.into_owned(),
        })
    }

    /// One task for each stack.
    pub(crate) fn playbook(stacks: &[String]) -> String {
        let mut text = String::from("- hosts: localhost\n  gather_facts: false\n  tasks:\n");
        for stack in stacks {
            text += &format!(
                "    - community.docker.docker_stack: {{name: {stack}, compose: [{{{{ playbook_dir }}}}/ten.yml], resolve_image: never}}\n"
            )
            .replace("[{{ playbook_dir }}/ten.yml]", "['{{ playbook_dir }}/ten.yml']");
        }
        text
    }
}
