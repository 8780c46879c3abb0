//! Docker images made here. The first is a busybox web server that answers with its host's name
//! and the text of `$VERSION`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use phoenix_common::digest::sha256_hex;
use serde_json::{Value, json};

use super::error::LabError;
use super::http::HttpRequest;
use super::run::Run;
use super::spec::GATEWAY;

const APPLETS: [&str; 14] = [
    "sh", "httpd", "sleep", "wget", "ip", "hostname", "nslookup", "ping", "cat", "echo", "ls",
    "mkdir", "touch", "nc",
];

/// Ends at once on SIGTERM, which busybox's httpd as pid 1 would ignore. `$PORT`: default 80.
const SERVE: &str = "#!/bin/sh\n\
    mkdir -p /www\n\
    echo \"$(hostname) ${VERSION}\" > /www/index.html\n\
    [ -z \"$FILE\" ] || cat \"$FILE\" > /www/file\n\
    httpd -f -p \"${PORT:-80}\" -h /www &\n\
    trap 'kill $!; exit 0' TERM INT\n\
    wait $!\n";

/// An image as a registry stores it.
#[derive(Debug)]
pub(super) struct Image {
    layer: Vec<u8>,
    config: Vec<u8>,
    manifest: Vec<u8>,
}

impl Image {
    /// The web image, from the busybox of a root tree. `version` is the default of `$VERSION`.
    pub(super) fn web(tree: &Path, version: &str) -> Result<Self, LabError> {
        let scratch = std::env::temp_dir();
        let folder = tempfile::tempdir().map_err(LabError::path("create a folder in", &scratch))?;
        fill(folder.path(), tree)?;
        let config = json!({
            "Env": ["PATH=/bin", format!("VERSION={version}")],
            "Cmd": ["/bin/serve"],
            "WorkingDir": "/",
        });
        Self::pack(folder.path(), &config)
    }

    /// An image of one layer: the folder `root` in `folder`. `config`: what Docker shows as `Config`.
    pub(super) fn pack(folder: &Path, config: &Value) -> Result<Self, LabError> {
        let root = folder.join("root");
        let archive = folder.join("layer.tar");
        // The same bytes every time, so the same digests.
        Run::new([
            "tar",
            "--sort=name",
            "--mtime=@0",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
        ])
        .args(&["-C"])
        .arg(&root)
        .args(&["-cf"])
        .arg(&archive)
        .arg(".")
        .ok()?;
        let diff = fs::read(&archive).map_err(LabError::path("read", &archive))?;
        Run::new(["gzip", "-n", "-1"]).arg(&archive).ok()?;
        let packed = folder.join("layer.tar.gz");
        let layer = fs::read(&packed).map_err(LabError::path("read", &packed))?;
        Ok(Self::new(layer, &sha256_hex(&diff), config))
    }

    fn new(layer: Vec<u8>, diff_id: &str, config: &Value) -> Self {
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{diff_id}")]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "the lab"}],
        });
        let config = config.to_string().into_bytes();
        let part = |kind: &str, bytes: &[u8]| -> Value {
            json!({"mediaType": kind, "size": bytes.len(), "digest": digest(bytes)})
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": part("application/vnd.docker.container.image.v1+json", &config),
            "layers": [part("application/vnd.docker.image.rootfs.diff.tar.gzip", &layer)],
        });
        Self {
            layer,
            config,
            manifest: manifest.to_string().into_bytes(),
        }
    }

    /// Pushes it to the lab's registry as `name:tag`; from inside the lab's network.
    pub(super) fn push(&self, name_and_tag: &str) -> Result<(), LabError> {
        let (name, tag) = name_and_tag
            .rsplit_once(':')
            .unwrap_or((name_and_tag, "latest"));
        for blob in [&self.layer, &self.config] {
            push_blob(name, blob)?;
        }
        let path = format!("/v2/{name}/manifests/{tag}");
        send("PUT", path, MANIFEST, &self.manifest, 201).map(drop)
    }
}

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(bytes))
}

fn push_blob(name: &str, blob: &[u8]) -> Result<(), LabError> {
    let place = send("POST", format!("/v2/{name}/blobs/uploads/"), "", &[], 202)?;
    // The answer names where to put the content.
    let place = place
        .split_once("/v2/")
        .map_or(String::new(), |(_, rest)| format!("/v2/{rest}"));
    let joint = if place.contains('?') { '&' } else { '?' };
    let path = format!("{place}{joint}digest={}", digest(blob));
    send("PUT", path, "application/octet-stream", blob, 201).map(drop)
}

/// The `Location` of the answer, which must have this status.
fn send(
    method: &'static str,
    path: String,
    content_type: &'static str,
    body: &[u8],
    wanted: u16,
) -> Result<String, LabError> {
    let request = HttpRequest {
        method,
        path,
        content_type,
        body: body.to_vec(),
        ..HttpRequest::get(&format!("{GATEWAY}:5000"))
    };
    let answer = request.send()?;
    if answer.status == wanted {
        return Ok(answer.header("location").unwrap_or_default().to_owned());
    }
    Err(LabError::Http {
        method: method.to_owned(),
        address: request.address,
        path: request.path,
        wrong: format!("answer {}", answer.status),
    })
}

fn fill(folder: &Path, tree: &Path) -> Result<(), LabError> {
    let root = folder.join("root");
    let bin = root.join("bin");
    for made in [&bin, &root.join("tmp"), &root.join("etc")] {
        fs::create_dir_all(made).map_err(LabError::path("create", made))?;
    }
    let busybox = bin.join("busybox");
    let source = tree.join("bin/busybox");
    fs::copy(&source, &busybox).map_err(LabError::path("copy", &source))?;
    for applet in APPLETS {
        let link = bin.join(applet);
        symlink("busybox", &link).map_err(LabError::path("link", &link))?;
    }
    let serve = bin.join("serve");
    fs::write(&serve, SERVE).map_err(LabError::path("write", &serve))?;
    fs::set_permissions(&serve, fs::Permissions::from_mode(0o755))
        .map_err(LabError::path("change", &serve))
}
