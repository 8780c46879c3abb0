//! The two guests of the project's first plan, word by word, and what they become.

use std::path::Path;

use serde_json::{Value, json};

/// `phoenix_vm_configs.json`, a bare array as the plan has it.
pub(crate) const GUESTS: &str = r#"[
    {
        "vmid": 1002,
        "name": "Dr-Phoenix",
        "clone_from_vmid": 9000,
        "cores": 4,
        "memory_mb": 4096,
        "disk_size_gb": 64,
        "start_at_boot": true,
        "boot_order": 2,
        "features": ["base_setup", "docker"],
        "portainer_role": "agent",
        "network_config": { "ip": "10.0.0.102/24", "gw": "10.0.0.1" },
        "user_config": { "username": "phoenix_user" }
    },
    {
        "vmid": 1001,
        "name": "Portainer",
        "clone_from_vmid": 9000,
        "cores": 4,
        "memory_mb": 8192,
        "disk_size_gb": 32,
        "start_at_boot": true,
        "boot_order": 1,
        "features": ["base_setup", "docker"],
        "portainer_role": "primary",
        "network_config": { "ip": "10.0.0.101/24", "gw": "10.0.0.1" },
        "user_config": { "username": "phoenix_user" },
        "volumes": [
            {
                "type": "nfs",
                "name": "persistent-storage",
                "path": "/quickOS/vm-persistent-data/1001",
                "mount_point": "/persistent-storage"
            }
        ],
        "docker_compose_files": [
            {
                "source": "/usr/local/phoenix_hypervisor/persistent-storage/qdrant/docker-compose.yml",
                "destination": "qdrant/docker-compose.yml"
            }
        ]
    }
]"#;

/// The template both are made from.
pub(crate) const TEMPLATE: [(&str, &str); 10] = [
    ("agent", "0"),
    ("boot", "order=scsi0;ide2;net0"),
    ("cores", "2"),
    (
        "ide2",
        "local:9000/vm-9000-cloudinit.qcow2,media=cdrom,size=4M",
    ),
    ("memory", "2048"),
    ("name", "debian-12"),
    ("net0", "virtio=BC:24:11:80:C9:56,bridge=vmbr0"),
    ("scsi0", "local:9000/base-9000-disk-0.qcow2,size=8G"),
    ("scsihw", "virtio-scsi-pci"),
    ("template", "1"),
];

/// Writes the configuration below a root.
pub(crate) fn configure(root: &Path, hypervisor: &Value) {
    let folder = root.join("etc/phoenix");
    std::fs::create_dir_all(folder.join("secrets")).unwrap();
    std::fs::write(folder.join("phoenix_vm_configs.json"), GUESTS).unwrap();
    std::fs::write(
        folder.join("phoenix_hypervisor_config.json"),
        hypervisor.to_string(),
    )
    .unwrap();
}

/// What Proxmox shall say of a guest: the declared keys.
pub(crate) fn wanted(vmid: u32) -> Value {
    let (name, memory, address, order) = match vmid {
        1001 => ("Portainer", "8192", "101", "1"),
        _ => ("Dr-Phoenix", "4096", "102", "2"),
    };
    json!({
        "name": name,
        "cores": "4",
        "memory": memory,
        "agent": "1",
        "onboot": "1",
        "startup": format!("order={order}"),
        "ipconfig0": format!("ip=10.0.0.{address}/24,gw=10.0.0.1"),
        "ciuser": "phoenix_user",
        "description": format!("Made by Phoenix as guest {vmid}, from 9000"),
        "disk": if vmid == 1001 { "32G" } else { "64G" },
    })
}

/// The same keys of a guest's configuration, whichever way it was asked for.
pub(crate) fn declared_keys(config: &Value) -> Value {
    let text = |key: &str| match &config[key] {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    let mut found = json!({});
    for key in [
        "name",
        "cores",
        "memory",
        "agent",
        "onboot",
        "startup",
        "ipconfig0",
        "ciuser",
        "description",
    ] {
        found[key] = json!(text(key));
    }
    let disk = text("scsi0");
    found["disk"] = json!(disk.split("size=").nth(1).unwrap());
    found
}
