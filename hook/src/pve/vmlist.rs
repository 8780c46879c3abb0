//! `/etc/pve/.vmlist`: which node owns which guest (pmxcfs, `status.c`).

use std::collections::BTreeMap;

use phoenix_common::vmid::Vmid;
use serde::{Deserialize, Serialize};

/// Owner and kind of every guest of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VmList(BTreeMap<Vmid, Entry>);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    pub node: String,
    #[serde(rename = "type")]
    pub kind: Kind,
}

/// Proxmox's own words for VM and container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Qemu,
    Lxc,
}

#[derive(Deserialize)]
struct File {
    ids: BTreeMap<String, Entry>,
}

impl VmList {
    /// Reads the file's text. An id that is none is passed over: it cannot be a guest of ours.
    ///
    /// # Errors
    /// The text is not what pmxcfs writes.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let file: File = serde_json::from_str(text)?;
        let entries = file.ids.into_iter();
        Ok(Self(
            entries
                .filter_map(|(id, entry)| Some((id.parse().ok()?, entry)))
                .collect(),
        ))
    }

    pub fn get(&self, vmid: Vmid) -> Option<&Entry> {
        self.0.get(&vmid)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Vmid, &Entry)> {
        self.0.iter().map(|(vmid, entry)| (*vmid, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn owner_and_kind_are_read() {
        let text = "{\n\"version\": 5,\n\"ids\": {\n\"100\": { \"node\": \"pve1\", \"type\": \"qemu\", \"version\": 6 },\n\"101\": { \"node\": \"pve2\", \"type\": \"lxc\", \"version\": 1 }}\n}\n";
        let list = VmList::parse(text).unwrap();
        let entry = list.get(Vmid::new(101).unwrap()).unwrap();
        assert_eq!((entry.node.as_str(), entry.kind), ("pve2", Kind::Lxc));
        assert_eq!(list.iter().count(), 2);
        assert!(VmList::parse("").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(\\{|\\}|\"|:|,|ids|node|type|qemu|100|\\PC){0,60}") {
            let _ = VmList::parse(&text);
        }
    }
}
