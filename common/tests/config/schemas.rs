//! The published schemas are those of the code.

use std::path::{Path, PathBuf};

use phoenix_common::config::{SCHEMA_NAMES, schema};

fn published(name: &str) -> PathBuf {
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/schema");
    etc.join(format!("{name}.schema.json"))
}

/// `PHOENIX_UPDATE_GOLDEN=1` writes them.
#[test]
fn published_schemas_equal_the_code() {
    for name in SCHEMA_NAMES {
        let generated = schema(name).unwrap();
        let path = published(name);
        if std::env::var_os("PHOENIX_UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &generated).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written, generated, "{}", path.display());
    }
    assert_eq!(
        schema("phoenix_vm_configs.json"),
        schema("phoenix_vm_configs")
    );
    assert_eq!(schema("nothing"), None);
}
