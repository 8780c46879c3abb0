//! The number by which Proxmox names a guest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// A guest's id, 100 to 999999999 (Proxmox's `pve-vmid` format: lower ids are reserved).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Vmid(u32);

impl Vmid {
    /// The lowest id Proxmox gives to a guest.
    pub const MIN: u32 = 100;
    /// The highest id Proxmox gives to a guest.
    pub const MAX: u32 = 999_999_999;

    /// # Errors
    /// [`VmidError::OutOfRange`] outside 100..=999999999.
    pub fn new(number: u32) -> Result<Self, VmidError> {
        if (Self::MIN..=Self::MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(VmidError::OutOfRange(u64::from(number)))
        }
    }

    pub fn get(self) -> u32 {
        self.0
    }
}

/// Why a text or number is no vmid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VmidError {
    #[error("{0:?} is not a vmid: digits only")]
    NotANumber(String),
    #[error("{0} is not a vmid: 100 to 999999999")]
    OutOfRange(u64),
}

impl FromStr for Vmid {
    type Err = VmidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(VmidError::NotANumber(text.chars().take(40).collect()));
        }
        let number: u64 = text.parse().unwrap_or(u64::MAX);
        u32::try_from(number)
            .map_err(|_| VmidError::OutOfRange(number))
            .and_then(Self::new)
    }
}

impl fmt::Display for Vmid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for Vmid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u32::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_proxmox_accepts() {
        for (text, wanted) in [
            ("100", Ok(100)),
            ("999999999", Ok(999_999_999)),
            ("99", Err(VmidError::OutOfRange(99))),
            ("1000000000", Err(VmidError::OutOfRange(1_000_000_000))),
            ("99999999999999999999", Err(VmidError::OutOfRange(u64::MAX))),
            ("", Err(VmidError::NotANumber(String::new()))),
            ("../1", Err(VmidError::NotANumber("../1".into()))),
            ("+101", Err(VmidError::NotANumber("+101".into()))),
        ] {
            assert_eq!(text.parse::<Vmid>().map(Vmid::get), wanted, "{text}");
        }
    }
}
