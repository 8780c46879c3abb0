//! GPUs of the guest: by NVIDIA's own program where it is, else by what stands on the PCI bus.

use std::fs;
use std::path::Path;
use std::time::Duration;

use phoenix_common::fs::read_limited;
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::wire::{Gpu, GpuVendor};

use crate::paths::Paths;
use crate::program;

/// A driver that hangs must not hold the facts.
const DEADLINE: Duration = Duration::from_secs(10);
/// More than any machine has.
const GPUS_LIMIT: usize = 64;

/// NVIDIA's GPUs by nvidia-smi, which looks for the driver too; others by the PCI bus.
pub async fn observe(paths: &Paths) -> Observed<Vec<Gpu>> {
    let mut gpus = on_bus(&paths.at("/sys/bus/pci/devices"));
    if let Ok(nvidia_smi) = program::command(paths, "nvidia-smi") {
        let asked = nvidia_smi
            .args(["--query-gpu=uuid,name", "--format=csv,noheader"])
            .deadline(DEADLINE)
            .run()
            .await;
        match asked {
            Ok(output) => {
                gpus.retain(|gpu| gpu.vendor != GpuVendor::Nvidia);
                gpus.extend(parse(&String::from_utf8_lossy(&output.stdout)));
            }
            // Installed without a GPU it fails too, and then there is none.
            Err(error) if gpus.iter().any(|gpu| gpu.vendor == GpuVendor::Nvidia) => {
                return Observed::unknown(Chain(&error).to_string());
            }
            Err(_) => {}
        }
    }
    gpus.truncate(GPUS_LIMIT);
    Observed::Known(gpus)
}

/// `GPU-8f6d…, NVIDIA A100`, a line each.
fn parse(text: &str) -> Vec<Gpu> {
    let lines = text.lines().filter_map(|line| line.split_once(','));
    lines
        .map(|(uuid, name)| (uuid.trim(), name.trim()))
        .filter(|(uuid, _)| is_uuid(uuid))
        .map(|(uuid, name)| Gpu {
            vendor: GpuVendor::Nvidia,
            id: uuid.to_owned(),
            name: name.chars().take(100).collect(),
            has_driver: true,
        })
        .collect()
}

/// It becomes a word of Docker's configuration.
fn is_uuid(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && (text.bytes()).all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Display controllers (class 0x03) of NVIDIA and AMD.
fn on_bus(devices: &Path) -> Vec<Gpu> {
    let Ok(entries) = fs::read_dir(devices) else {
        return Vec::new();
    };
    let mut addresses: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    addresses.sort();
    addresses
        .into_iter()
        .filter_map(|address| device(&devices.join(&address), address))
        .collect()
}

fn device(folder: &Path, address: String) -> Option<Gpu> {
    let text = |name: &str| {
        let content = read_limited(&folder.join(name), 64).unwrap_or_default();
        String::from_utf8_lossy(&content).trim().to_owned()
    };
    let (vendor, name) = match text("vendor").as_str() {
        "0x10de" => (GpuVendor::Nvidia, "NVIDIA"),
        "0x1002" => (GpuVendor::Amd, "AMD"),
        _ => return None,
    };
    let driver = fs::read_link(folder.join("driver")).ok();
    let is_amdgpu = driver.is_some_and(|driver| driver.ends_with("amdgpu"));
    text("class").starts_with("0x03").then(|| Gpu {
        vendor,
        name: format!("{name} {}", text("device")),
        id: address,
        has_driver: vendor == GpuVendor::Amd && is_amdgpu,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nvidia_smi_is_read_and_nothing_else_gets_into_dockers_configuration() {
        let text = "GPU-8f6d-1, NVIDIA A100-PCIE-40GB\nGPU 2, x\nno line\n\"a\", b\n";
        let gpus = parse(text);
        assert_eq!(gpus.len(), 1);
        assert_eq!(
            (gpus[0].id.as_str(), gpus[0].name.as_str()),
            ("GPU-8f6d-1", "NVIDIA A100-PCIE-40GB")
        );
    }

    #[test]
    fn the_bus_tells_of_gpus_without_nvidias_program() {
        let root = tempfile::tempdir().unwrap();
        let add = |address: &str, class: &str, vendor: &str| {
            let folder = root.path().join(address);
            fs::create_dir(&folder).unwrap();
            for (name, content) in [("class", class), ("vendor", vendor), ("device", "0x20b0")] {
                fs::write(folder.join(name), format!("{content}\n")).unwrap();
            }
        };
        add("0000:02:00.0", "0x030200", "0x10de");
        add("0000:01:00.0", "0x030000", "0x1002");
        // Its audio part, and a display controller that is no GPU.
        add("0000:02:00.1", "0x040300", "0x10de");
        add("0000:00:01.0", "0x030000", "0x1234");
        let driver = root.path().join("0000:01:00.0/driver");
        std::os::unix::fs::symlink("../../bus/pci/drivers/amdgpu", driver).unwrap();
        let gpus = on_bus(root.path());
        let seen: Vec<(&str, bool)> = gpus
            .iter()
            .map(|gpu| (gpu.id.as_str(), gpu.has_driver))
            .collect();
        assert_eq!(seen, [("0000:01:00.0", true), ("0000:02:00.0", false)]);
    }
}
