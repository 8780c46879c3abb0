use super::*;
use phoenix_common::vmid::Vmid;
use proptest::prelude::*;

fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

/// The first guest of the project's own example.
fn portainer() -> MachineDesired {
    MachineDesired {
        vmid: vmid(1001),
        name: "Portainer".to_owned(),
        template: Some(vmid(9000)),
        cores: Some(4),
        memory_mib: Some(8192),
        disk_gib: Some(32),
        user: Some("phoenix_user".to_owned()),
        ssh_keys: Vec::new(),
        network: Some(phoenix_common::config::Network {
            address: "10.0.0.101/24".parse().unwrap(),
            gateway: Some("10.0.0.1".parse().unwrap()),
        }),
        start_at_boot: Some(true),
        boot_order: Some(1),
    }
}

const TEMPLATE: &str = "agent: 1\nboot: order=scsi0;ide2;net0\ncores: 2\nide2: local:9000/vm-9000-cloudinit.qcow2,media=cdrom,size=4M\nmemory: 2048\nname: debian12\nscsi0: local:9000/base-9000-disk-0.qcow2,size=8G\ntemplate: 1\n";

fn absent() -> Observed<MachineState> {
    Observed::Known(MachineState::Absent(Template::Here {
        vmid: vmid(9000),
        node: "pve1".to_owned(),
        conf: Box::new(GuestConf::parse(TEMPLATE)),
    }))
}

fn machine(text: &str, power: Power) -> Machine {
    Machine {
        node: "pve1".to_owned(),
        kind: Kind::Qemu,
        conf: GuestConf::parse(text),
        power,
        creation_goes_on: Observed::Known(false),
        may_pass_lock: true,
    }
}

fn known(machine: Machine) -> Observed<MachineState> {
    Observed::Known(MachineState::Present(Box::new(machine)))
}

/// What Proxmox's configuration and power are after the actions.
fn carried_out(plan: &MachinePlan) -> Machine {
    let mut conf = GuestConf::parse(TEMPLATE).without(&["template"]);
    let mut power = Power::Stopped;
    for action in &plan.actions {
        conf = match action {
            MachineAction::Clone {
                name, description, ..
            } => conf.with([("name", name.as_str()), ("description", description)]),
            MachineAction::SetConfig { fields, .. } => {
                conf.with((fields.iter()).map(|field| (field.key.as_str(), field.after.as_str())))
            }
            MachineAction::EnlargeDisk { disk, to_gib, .. } => {
                let drive = format!("local:1001/vm-1001-disk-0.qcow2,size={to_gib}G");
                conf.with([(disk.as_str(), drive.as_str())])
            }
            MachineAction::Start { .. } => {
                power = Power::Running;
                conf
            }
            MachineAction::RemoveHalfMade { .. } => conf,
        };
    }
    Machine {
        conf,
        power,
        ..machine("", Power::Stopped)
    }
}

#[test]
fn a_guest_that_is_not_there_is_planned_to_its_end() {
    let plan = plan(&portainer(), &absent());
    let wanted = "  ensure_vm_defined
    + clone 9000 as 1001 (Portainer) on node pve1
  apply_core_configurations
    + set cores, memory, onboot, startup
        cores: 2 -> 4
        memory: 2048 -> 8192
        onboot: (not set) -> 1
        startup: (not set) -> order=1
    + enlarge disk scsi0 from 8 to 32 GiB
  apply_network_configurations
    + set ipconfig0, ciuser
        ipconfig0: (not set) -> ip=10.0.0.101/24,gw=10.0.0.1
        ciuser: (not set) -> phoenix_user
  start_vm
    + start 1001
";
    assert_eq!(plan.to_string(), wanted);
    let done = carried_out(&plan);
    assert!(mark::is_ours(&done.conf, vmid(1001)));
    let again = super::plan(&portainer(), &known(done));
    assert!(again.is_converged() && again.findings.is_empty(), "{again}");
}

#[test]
fn a_disk_that_is_too_large_is_a_finding_and_the_rest_converges() {
    let mut large = carried_out(&plan(&portainer(), &absent()));
    large.conf = large
        .conf
        .with([("scsi0", "local:a,size=65G"), ("cores", "2")]);
    let plan = plan(&portainer(), &known(large));
    assert_eq!(plan.actions.len(), 1, "{plan}");
    assert!(plan.findings[0].contains("has 65 GiB and 32 are declared"));
    assert!(plan.findings[0].contains("\"disk_size_gb\": 65"));
    assert!(plan.blocked.is_empty());
}

#[test]
fn what_is_pending_is_no_change_but_needs_a_restart() {
    let done = carried_out(&plan(&portainer(), &absent()));
    let kept = done.conf.iter().filter(|(key, _)| *key != "cores");
    let mut lines: Vec<String> = kept.map(|(key, value)| format!("{key}: {value}")).collect();
    lines.extend(["cores: 2", "", "[PENDING]", "cores: 4", ""].map(str::to_owned));
    let text = lines.join("\n");
    let plan = plan(&portainer(), &known(machine(&text, Power::Running)));
    assert!(plan.is_converged(), "{plan}");
    assert_eq!(plan.findings.len(), 1);
    assert!(plan.findings[0].contains("needs a restart: cores 2 -> 4"));
}

#[test]
fn locks_are_told_apart() {
    let ours = "#Made by Phoenix as guest 1001, from 9000\n";
    let look = |text: &str, goes_on: Observed<bool>, root: bool| {
        let mut machine = machine(text, Power::Stopped);
        machine.creation_goes_on = goes_on;
        machine.may_pass_lock = root;
        plan(&portainer(), &known(machine))
    };
    let backup = look("lock: backup\n", Observed::Known(false), true);
    assert_eq!(backup.waiting, ["Proxmox holds its lock (backup)"]);
    let half = format!("{ours}lock: clone\n");
    for goes_on in [Observed::Known(true), Observed::unknown("silent")] {
        assert_eq!(look(&half, goes_on, true).waiting.len(), 1);
    }
    let left = look(&half, Observed::Known(false), true);
    assert!(matches!(
        left.actions.as_slice(),
        [MachineAction::RemoveHalfMade { .. }]
    ));
    let token = look(&half, Observed::Known(false), false);
    assert!(token.blocked[0].reason.contains("qm unlock 1001"));
    let foreign = look("lock: create\n", Observed::Known(false), true);
    assert!(foreign.actions.is_empty() && foreign.blocked[0].refused);
}

#[test]
fn what_cannot_be_made_says_why() {
    let reason = |template: Template| {
        let observed = Observed::Known(MachineState::Absent(template));
        let plan = plan(&portainer(), &observed);
        assert!(plan.actions.is_empty());
        plan.blocked[0].reason.clone()
    };
    assert!(reason(Template::NotDeclared).contains("clone_from_vmid"));
    assert!(reason(Template::Missing(vmid(9000))).contains("9000"));
    let node = "pve2".to_owned();
    let elsewhere = Template::OtherNode {
        vmid: vmid(9000),
        node,
    };
    assert!(reason(elsewhere).contains("pve2"));
    let template = plan(&portainer(), &known(machine(TEMPLATE, Power::Stopped)));
    assert!(template.blocked[0].refused && template.actions.is_empty());
}

#[test]
fn without_a_cloud_init_drive_the_address_goes_nowhere() {
    let text = "scsi0: local:a,size=32G\n";
    let plan = plan(&portainer(), &known(machine(text, Power::Stopped)));
    assert!(plan.findings[0].contains("no cloud-init drive"), "{plan}");
}

proptest! {
    /// Whatever is declared: carrying out the plan leaves nothing to do.
    #[test]
    fn a_carried_out_plan_is_the_last_one(
        cores in proptest::option::of(1..64_u32),
        memory_mib in proptest::option::of(16..65_536_u32),
        disk_gib in proptest::option::of(8..512_u32),
        start_at_boot in proptest::option::of(any::<bool>()),
        boot_order in proptest::option::of(0..9_u32),
        keys in proptest::collection::vec("ssh-ed25519 [A-Za-z0-9+/=]{1,20} [a-z@ü]{1,9}", 0..3),
    ) {
        let desired = MachineDesired {
            cores, memory_mib, disk_gib, start_at_boot, boot_order,
            ssh_keys: keys,
            ..portainer()
        };
        let first = plan(&desired, &absent());
        let again = plan(&desired, &known(carried_out(&first)));
        prop_assert!(again.is_converged(), "{}", again);
    }
}
