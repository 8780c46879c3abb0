//! All guest entries: each checked alone, so that a broken one stops no other.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::{ConfigError, Rule, Scope};
use super::super::file::GuestEntry;
use super::super::guest::{Guest, GuestKind};
use super::super::json::Kind;
use super::super::schema;
use super::super::shape;
use super::super::source::Place;
use super::super::suggest;
use super::{Context, guest, stands_in, typed, with_scope};
use crate::vmid::Vmid;

/// The guests that are declared.
#[derive(Default)]
pub(super) struct Guests<'source> {
    /// All that could be read, also those with mistakes: the rules over all guests look at them too.
    pub(super) known: BTreeMap<Vmid, (Guest, Place<'source>)>,
    /// Of these the ones with mistakes, which no run may use.
    partial: BTreeSet<Vmid>,
    /// Vmids of entries with mistakes, whether they could be read or not.
    broken: BTreeSet<Vmid>,
    /// A broken entry may belong to a Swarm.
    pub(super) broken_swarm_member: bool,
}

impl Guests<'_> {
    /// The guests without mistakes.
    pub(super) fn typed(self) -> BTreeMap<Vmid, Guest> {
        let guests = self.known.into_iter();
        guests
            .filter(|(vmid, _)| !self.partial.contains(vmid))
            .map(|(vmid, (guest, _))| (vmid, guest))
            .collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Guest> {
        self.known.values().map(|(guest, _)| guest)
    }

    /// Whether some entry could not be read as a whole.
    pub(super) fn has_broken(&self) -> bool {
        !self.broken.is_empty() || self.broken_swarm_member
    }

    /// Whether the vmid is declared at all.
    pub(super) fn knows(&self, vmid: Vmid) -> bool {
        self.known.contains_key(&vmid) || self.broken.contains(&vmid)
    }
}

pub(super) fn all<'source>(
    place: &Place<'source>,
    context: &Context<'_>,
    errors: &mut Vec<ConfigError>,
) -> Guests<'source> {
    let mut guests = Guests::default();
    let mut found = shape::check(place, &schema::GUESTS);
    if shape::gave_up(&found) {
        errors.append(&mut found);
        return guests;
    }
    for (kind, entry) in entries(place) {
        let (mut own, rest) = found
            .into_iter()
            .partition::<Vec<_>, _>(|error| stands_in(error, &entry));
        found = rest;
        let file = if own.is_empty() {
            typed(&entry).map_err(|mistake| own.push(mistake)).ok()
        } else {
            sound_part(&entry, &own)
        };
        if let Some(file) = file {
            let (guest, mistakes) = guest::checked(file, kind, &entry, context);
            own.extend(mistakes);
            own.extend(guests.add(guest, &entry, own.is_empty()));
        }
        if !own.is_empty() {
            let scope = guests.note_broken(&entry);
            errors.extend(with_scope(own, &scope));
        }
    }
    errors.extend(found);
    guests
}

/// Every entry with its kind; a bare array holds VMs.
fn entries<'source>(place: &Place<'source>) -> Vec<(GuestKind, Place<'source>)> {
    if matches!(place.node.kind, Kind::List(_)) {
        let items = place.items().into_iter();
        return items.map(|entry| (GuestKind::Vm, entry)).collect();
    }
    let of = |key, kind| {
        let items = place.get(key).map(|list| list.items()).unwrap_or_default();
        items.into_iter().map(move |entry| (kind, entry))
    };
    of("vms", GuestKind::Vm)
        .chain(of("containers", GuestKind::Container))
        .collect()
}

impl<'source> Guests<'source> {
    /// Takes the guest in, unless its vmid is taken.
    fn add(&mut self, guest: Guest, entry: &Place<'source>, sound: bool) -> Option<ConfigError> {
        let vmid = guest.vmid;
        if let Some((other, _)) = self.known.get(&vmid) {
            let message = format!("vmid {vmid} is declared twice");
            let hint = format!("it is {} at {}", other.name, other.origin);
            let place = entry.at("vmid");
            return Some(place.error(Rule::DuplicateVmid, message).hint(hint));
        }
        if !sound {
            self.partial.insert(vmid);
        }
        self.known.insert(vmid, (guest, entry.clone()));
        None
    }

    /// Remembers that the entry cannot be used, and tells whom that stops.
    fn note_broken(&mut self, entry: &Place<'_>) -> Scope {
        let vmid = match entry.get("vmid").map(|place| &place.node.kind) {
            Some(Kind::Number(number)) => (number.as_u64())
                .and_then(|number| u32::try_from(number).ok())
                .and_then(|number| Vmid::new(number).ok()),
            _ => None,
        };
        self.broken.extend(vmid);
        let every_swarm_member = may_belong_to_a_swarm(entry);
        self.broken_swarm_member |= every_swarm_member;
        Scope::Guests {
            vmids: vmid.into_iter().collect(),
            every_swarm_member,
        }
    }
}

/// What is right about an entry of the wrong form, so that its other mistakes are found at once. Nothing
/// where a mistake touches a key that other keys are checked against.
fn sound_part(entry: &Place<'_>, mistakes: &[ConfigError]) -> Option<GuestEntry> {
    const SHARED: [&str; 6] = ["vmid", "name", "features", "volumes", "swarm_role", "swarm"];
    let mut value = entry.node.to_value();
    let members = value.as_object_mut()?;
    for mistake in mistakes {
        let path = mistake.origin.json_path.strip_prefix(&entry.path)?;
        let key = path.strip_prefix('.')?.split(['.', '[']).next()?;
        if suggest::nearest(key, SHARED).is_some() {
            return None;
        }
        members.shift_remove(key);
    }
    serde_json::from_value(value).ok()
}

/// A broken entry with anything like a Swarm key may be a manager: a run that does not know of it could
/// make a second Swarm.
fn may_belong_to_a_swarm(entry: &Place<'_>) -> bool {
    !matches!(entry.node.kind, Kind::Object(_))
        || (entry.node.members().iter())
            .any(|member| suggest::nearest(&member.key, ["swarm_role", "swarm"]).is_some())
}
