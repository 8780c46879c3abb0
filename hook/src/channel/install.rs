//! Installs `phoenix-guest-agent` in a guest that has nothing but the QEMU guest agent.

use std::time::Duration;

use phoenix_common::digest::sha256_hex;
use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::wire::{Answer, Facts, RequestBody};

use super::package::CarriedPackage;
use super::push::GuestFile;
use super::script::Script;
use super::{Channel, ChannelError};

const FOLDER: &str = "/run/phoenix-guest-agent-setup";
const PACKAGE: &str = "phoenix-guest-agent.deb";

const LOOK: &str = r#"command -v dpkg >/dev/null || { . /etc/os-release 2>/dev/null; echo "${ID:-unknown system} without dpkg"; exit; }
dpkg --print-architecture"#;
/// Children of `guest-exec` die when the QEMU guest agent is restarted or upgraded; dpkg must not. So it
/// gets a unit of its own, or a session of its own where there is no systemd. While another package tool
/// holds the lock (first boot), it waits up to `$2` seconds.
const START: &str = r#"set -eu; cd "$1"; rm -f result
cat > install.sh <<'SCRIPT'
cd "$1"; export LC_ALL=C DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
end=$(( $(date +%s) + $2 ))
while :; do
  dpkg -i phoenix-guest-agent.deb >log 2>&1 && code=0 || code=$?
  [ "$code" != 0 ] && grep -q 'was locked by' log && [ "$(date +%s)" -lt "$end" ] || break
  sleep 1
done
echo "$code" >result.new; mv result.new result
SCRIPT
if [ -d /run/systemd/system ]; then
  systemctl is-active --quiet phoenix-guest-agent-setup.service ||
    systemd-run --quiet --collect --unit=phoenix-guest-agent-setup.service sh "$1/install.sh" "$1" "$2"
else
  setsid sh "$1/install.sh" "$1" "$2" </dev/null >/dev/null 2>&1 &
  echo $! >pid
fi"#;
const LOOK_AFTER: &str = r#"cd "$1" 2>/dev/null || { echo lost; exit; }
if [ -e result ]; then echo "done $(cat result)"; tail -n 3 log; exit; fi
if [ -d /run/systemd/system ]; then systemctl is-active --quiet phoenix-guest-agent-setup.service
else kill -0 "$(cat pid)" 2>/dev/null; fi && { echo running; exit; }
if [ -e result ]; then echo "done $(cat result)"; tail -n 3 log; else echo lost; fi"#;
const CLEAN: &str = r#"rm -rf "$1""#;

impl Channel {
    /// Pushes the package, installs it and asks the new agent for its facts.
    ///
    /// # Errors
    /// [`ChannelError::Unsupported`] for a guest without dpkg or of another architecture than amd64.
    pub async fn install_agent(
        &self,
        package: &CarriedPackage,
        deadline: Deadline,
    ) -> Result<Facts, ChannelError> {
        self.require_supported(deadline).await?;
        tracing::info!(
            vmid = %self.vmid(), version = package.version, sha256 = sha256_hex(&package.content),
            "installing phoenix-guest-agent"
        );
        let file = GuestFile {
            folder: FOLDER,
            name: PACKAGE,
            mode: 0o600,
        };
        self.push_file(&package.content, file, deadline).await?;
        self.run_dpkg(deadline).await?;
        self.setup_script("cleaning up after the installation", CLEAN, deadline)
            .await?;
        self.facts(deadline).await
    }

    /// Asks the agent for its facts.
    pub async fn facts(&self, deadline: Deadline) -> Result<Facts, ChannelError> {
        let vmid = self.vmid();
        match self.answer(RequestBody::Facts, deadline).await? {
            Answer::Facts(facts) => Ok(facts.bounded()),
            _ => Err(ChannelError::ForeignAnswer { vmid }),
        }
    }

    async fn require_supported(&self, deadline: Deadline) -> Result<(), ChannelError> {
        let found = self
            .setup_script("looking at the guest's package system", LOOK, deadline)
            .await?;
        if found == "amd64" {
            return Ok(());
        }
        Err(ChannelError::Unsupported {
            vmid: self.vmid(),
            found,
        })
    }

    async fn run_dpkg(&self, deadline: Deadline) -> Result<(), ChannelError> {
        let vmid = self.vmid();
        let wait_seconds = deadline.remaining().as_secs().to_string();
        let start = Script {
            step: "starting dpkg",
            text: START,
            arguments: &[FOLDER, &wait_seconds],
            stdin: Vec::new(),
        };
        self.require_script(start, deadline).await?;
        for wait in Backoff::new(Duration::from_millis(100), Duration::from_secs(1)) {
            tokio::time::sleep(wait.min(deadline.remaining())).await;
            let state = self
                .setup_script("looking after dpkg", LOOK_AFTER, deadline)
                .await;
            match state {
                Ok(state) if state == "running" => {}
                Ok(state) => return finished(vmid, &state),
                // dpkg goes on by itself: only the deadline ends the asking.
                Err(error) if error.is_transient() => {
                    tracing::debug!(%vmid, %error, "dpkg's state not seen, asking again");
                }
                Err(error) => return Err(error),
            }
            if deadline.has_passed() {
                break;
            }
        }
        Err(ChannelError::Deadline {
            vmid,
            what: "installing phoenix-guest-agent",
        })
    }

    async fn setup_script(
        &self,
        step: &'static str,
        text: &'static str,
        deadline: Deadline,
    ) -> Result<String, ChannelError> {
        let script = Script {
            step,
            text,
            arguments: &[FOLDER],
            stdin: Vec::new(),
        };
        self.require_script(script, deadline).await
    }
}

/// Reads `done CODE` and the log's last lines, or `lost`.
fn finished(vmid: phoenix_common::vmid::Vmid, state: &str) -> Result<(), ChannelError> {
    let (first, log) = state.split_once('\n').unwrap_or((state, ""));
    match first.strip_prefix("done ").map(str::parse) {
        Some(Ok(0)) => Ok(()),
        Some(Ok(code)) => Err(ChannelError::Dpkg {
            vmid,
            code,
            log: log.lines().collect::<Vec<_>>().join(" / "),
        }),
        _ => Err(ChannelError::InstallLost { vmid }),
    }
}
