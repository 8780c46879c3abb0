//! Lists whose entries have a key: the later entry of a key wins, the result is sorted by key.

use std::collections::BTreeMap;

/// A list that was not written at all in `base` takes that of `over` as it is.
pub(super) fn keyed<T, K: Ord>(
    base: &mut Option<Vec<T>>,
    over: Option<Vec<T>>,
    key: impl Fn(&T) -> K,
) {
    let Some(list) = base.take() else {
        *base = over;
        return;
    };
    let mut by_key = BTreeMap::new();
    for entry in list.into_iter().chain(over.unwrap_or_default()) {
        by_key.insert(key(&entry), entry);
    }
    *base = Some(by_key.into_values().collect());
}

/// A list that may not have been written at all: appended.
pub(super) fn optional<T>(base: &mut Option<Vec<T>>, over: Option<Vec<T>>) {
    match (base.as_mut(), over) {
        (Some(base), Some(over)) => base.extend(over),
        (None, over) => *base = over,
        (Some(_), None) => {}
    }
}
