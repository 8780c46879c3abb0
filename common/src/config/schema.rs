//! The JSON Schemas, generated from the file mirror.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::file::{GuestsFile, HypervisorFile, StackEntry, StacksFile};

pub(super) static GUESTS: LazyLock<Value> = LazyLock::new(schema_of::<GuestsFile>);
pub(super) static STACKS: LazyLock<Value> = LazyLock::new(schema_of::<StacksFile>);
pub(super) static STACK: LazyLock<Value> = LazyLock::new(schema_of::<StackEntry>);
pub(super) static HYPERVISOR: LazyLock<Value> = LazyLock::new(schema_of::<HypervisorFile>);

fn schema_of<T: schemars::JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

/// Names of the schemas, each that of the file it describes.
pub const SCHEMA_NAMES: [&str; 4] = [
    "phoenix_hypervisor_config",
    "phoenix_stacks_config",
    "phoenix_vm_configs",
    "phoenix",
];

/// The JSON Schema of a configuration file (`phoenix_vm_configs`; an ending `.json` or `.schema.json` is
/// taken too), as it is published.
pub fn schema(name: &str) -> Option<String> {
    let name = name.strip_suffix(".json").unwrap_or(name);
    let name = name.strip_suffix(".schema").unwrap_or(name);
    let value = match name {
        "phoenix_hypervisor_config" => &*HYPERVISOR,
        "phoenix_stacks_config" => &*STACKS,
        "phoenix_vm_configs" => &*GUESTS,
        "phoenix" => &*STACK,
        _ => return None,
    };
    Some(format!("{value:#}\n"))
}
