//! Texts without what differs from run to run: addresses, identities, times, numbers of images.

/// What stands for a value of its own.
const OWN: &str = "OWN";

/// After these words stands such a value, up to the next of `END`.
const BEFORE: [&str; 9] = [
    "BC:24:11:",
    "uuid=",
    "vmgenid: ",
    "ctime=",
    "cipassword: ",
    "-disk-",
    "\"pid\":",
    "\"pstart\":",
    "time\":",
];

const END: [char; 7] = [',', '.', '\n', '}', ']', ' ', '\''];

/// A text with every such value replaced.
pub(crate) fn normal(text: &str) -> String {
    let mut text = without_upids(text);
    for before in BEFORE {
        let mut parts = text.split(before);
        let mut replaced = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let rest = part.find(END).map_or("", |end| &part[end..]);
            replaced += before;
            replaced += OWN;
            replaced += rest;
        }
        text = replaced;
    }
    without_middle(&text)
}

/// `UPID:pvetest:…:` keeps node, type, guest and user.
fn without_upids(text: &str) -> String {
    let mut words = text.split("UPID:");
    let mut replaced = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut parts: Vec<&str> = word.splitn(8, ':').collect();
        for number in 1..4 {
            if let Some(part) = parts.get_mut(number) {
                *part = OWN;
            }
        }
        replaced += "UPID:";
        replaced += &parts.join(":");
    }
    replaced
}

/// How often a copy tells how far it is depends on the machine: the ends must be there.
fn without_middle(text: &str) -> String {
    let is_middle = |line: &&str| {
        line.starts_with("transferred ") && !line.contains("(0.00%)") && !line.contains("(100.00%)")
    };
    let mut kept: Vec<&str> = text.split('\n').filter(|line| !is_middle(line)).collect();
    kept.dedup_by(|one, other| one == other && one.starts_with("transferred "));
    kept.join("\n")
}

#[test]
fn what_is_the_same_stays() {
    let one = "net0: virtio=BC:24:11:87:D5:77,bridge=a\nscsi0: local:1/vm-1-disk-3.qcow2,size=1G\n";
    let other =
        "net0: virtio=BC:24:11:00:00:01,bridge=a\nscsi0: local:1/vm-1-disk-0.qcow2,size=1G\n";
    assert_eq!(normal(one), normal(other));
    assert_ne!(normal(one), normal(&other.replace("1G", "2G")));
    let upid = "UPID:a:0000330F:000F1BE0:6B012919:qmclone:900:root@pam: OK";
    assert_eq!(normal(upid), "UPID:a:OWN:OWN:OWN:qmclone:900:root@pam: OK");
}
