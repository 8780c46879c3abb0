//! Mounts.

use super::Convert;
use crate::stack::fault::Fault;
use crate::stack::model::{Service, Volume};
use crate::stack::spec::{
    BindOptions, ClusterOptions, Mount, TmpfsOptions, VolumeDriver, VolumeOptions,
};

pub(super) fn convert(convert: &mut Convert<'_>, service: &Service) -> Vec<Mount> {
    let volumes = service.volumes.as_deref().unwrap_or_default();
    volumes
        .iter()
        .map(|volume| mount(convert, volume))
        .collect()
}

fn mount(convert: &mut Convert<'_>, volume: &Volume) -> Mount {
    let mount = Mount {
        r#type: volume.kind.clone(),
        source: volume.source.clone(),
        target: volume.target.clone(),
        read_only: volume.read_only,
        consistency: volume.consistency.clone(),
        ..Mount::default()
    };
    check_options(convert, volume);
    match volume.kind.as_str() {
        "volume" | "" => named(convert, volume, mount),
        "bind" | "npipe" => Mount {
            bind_options: bind_options(volume),
            ..mount
        },
        "tmpfs" => Mount {
            tmpfs_options: volume.tmpfs.map(|size_bytes| TmpfsOptions { size_bytes }),
            ..mount
        },
        "cluster" => cluster(convert, volume, mount),
        "image" => mount,
        _ => {
            let fault = Fault::NotAChoice {
                text: volume.kind.clone(),
                choices: "volume, bind, tmpfs, npipe, cluster".to_owned(),
            };
            convert.fault(&volume.origin, fault);
            mount
        }
    }
}

/// Option blocks of another type are refused, and sources where they make no sense.
fn check_options(convert: &mut Convert<'_>, volume: &Volume) {
    let blocks = [
        ("bind", volume.bind.is_some(), &["bind", "npipe"][..]),
        ("volume", volume.volume.is_some(), &["volume", ""]),
        ("tmpfs", volume.tmpfs.is_some(), &["tmpfs"]),
    ];
    for (block, given, kinds) in blocks {
        if given && !kinds.contains(&volume.kind.as_str()) {
            let first = format!("type: {}", volume.kind);
            convert.fault(
                &volume.origin,
                Fault::Conflict {
                    first,
                    second: block.to_owned(),
                },
            );
        }
    }
    let wanted = match volume.kind.as_str() {
        "tmpfs" if !volume.source.is_empty() => "left out",
        "npipe" | "cluster" | "image" if volume.source.is_empty() => "given",
        _ => return,
    };
    let fault = Fault::MountSource {
        mount: volume.kind.clone(),
        wanted,
    };
    convert.fault(&volume.origin, fault);
}

fn bind_options(volume: &Volume) -> Option<BindOptions> {
    volume
        .bind
        .clone()
        .map(|propagation| BindOptions { propagation })
}

fn named(convert: &mut Convert<'_>, volume: &Volume, mount: Mount) -> Mount {
    if volume.source.is_empty() {
        return mount;
    }
    let Some(declared) = convert.stack.volumes.get(&volume.source) else {
        let fault = Fault::Undefined {
            kind: "volume",
            name: volume.source.clone(),
        };
        convert.fault(&volume.origin, fault);
        return mount;
    };
    let written = volume.volume.clone().unwrap_or_default();
    let mut options = VolumeOptions {
        no_copy: written.no_copy,
        subpath: written.subpath,
        ..VolumeOptions::default()
    };
    if !declared.external {
        options.labels = convert.namespace.labelled(&declared.labels);
        if !declared.driver.is_empty() || declared.driver_options.is_some() {
            options.driver_config = Some(VolumeDriver {
                name: declared.driver.clone(),
                options: declared.driver_options.clone().unwrap_or_default(),
            });
        }
    }
    Mount {
        source: convert.namespace.name_of(&volume.source, &declared.name),
        volume_options: Some(options),
        ..mount
    }
}

/// A volume of a CSI plugin; `group:` sources name no single volume.
fn cluster(convert: &mut Convert<'_>, volume: &Volume, mount: Mount) -> Mount {
    let cluster_options = Some(ClusterOptions::default());
    if volume.source.is_empty() || volume.source.starts_with("group:") {
        return Mount {
            cluster_options,
            ..mount
        };
    }
    let Some(declared) = convert.stack.volumes.get(&volume.source) else {
        let fault = Fault::Undefined {
            kind: "volume",
            name: volume.source.clone(),
        };
        convert.fault(&volume.origin, fault);
        return mount;
    };
    Mount {
        source: convert.namespace.name_of(&volume.source, &declared.name),
        cluster_options,
        ..mount
    }
}
