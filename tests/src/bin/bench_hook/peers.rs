//! What else operators use as hookscript: each in its usual shape, written for this comparison.

use std::io;
use std::path::Path;

/// Where the wrapper's text calls the program.
const PROGRAM: &str = "/usr/bin/phoenix-hook";
const WRAPPER: &str = include_str!("../../../../packaging/hook/usr/share/phoenix/phoenix-hook.sh");

/// The wrapper of the package, with another program in it.
pub(crate) fn wrapper_of(program: &Path) -> io::Result<String> {
    if !WRAPPER.contains(PROGRAM) {
        return Err(io::Error::other(format!(
            "the wrapper no longer calls {PROGRAM}"
        )));
    }
    Ok(WRAPPER.replace(PROGRAM, &program.to_string_lossy()))
}

/// Four branches that say where they are: the official example's shape.
pub(crate) const PERL: &str = r#"#!/usr/bin/perl
use strict;
use warnings;

my ($vmid, $phase) = @ARGV;
print "hookscript for guest $vmid, phase $phase\n";

my %work = (
    'pre-start'  => sub { print "guest $vmid is about to start\n"; },
    'post-start' => sub { print "guest $vmid has started\n"; },
    'pre-stop'   => sub { print "guest $vmid is about to stop\n"; },
    'post-stop'  => sub { print "guest $vmid has stopped\n"; },
);
my $do = $work{$phase} or die "unknown phase '$phase'\n";
$do->();
exit 0;
"#;

/// Looks its guest up in the declaration and waits for the guest agent, inside of Proxmox's lock.
pub(crate) const BASH_WAITS_FOR_AGENT: &str = r#"#!/bin/bash
set -euo pipefail
vmid=$1 phase=$2
[ "$phase" = post-start ] || exit 0
config=$PHOENIX_ROOT/etc/phoenix/phoenix_vm_configs.json
name=$(jq -er --argjson vmid "$vmid" '.vms[] | select(.vmid == $vmid) | .name' "$config")
for attempt in $(seq 1 60); do
    if "$PHOENIX_ROOT/bin/qm" guest cmd "$vmid" ping; then
        echo "$name: guest agent answers at attempt $attempt"
        exit 0
    fi
    sleep 1
done
echo "$name: no guest agent" >&2
exit 1
"#;
