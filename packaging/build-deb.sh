#!/usr/bin/env bash
# Builds both Debian packages into dist/ (PROFILE=release) or dist/<profile>/. The hypervisor's package carries
# the guest's, so the order is: guest agent, its package, hook, its package.
# The same source gives the same bytes: paths are remapped (release), times come from SOURCE_DATE_EPOCH (default: the
# changelog's date), the compressor runs in one thread.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${PROFILE:-release}
triple=x86_64-unknown-linux-gnu
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
output=dist
[ "$profile" = release ] || output=dist/$profile
version=$(cargo pkgid --offline -p phoenix-hook 2>/dev/null || cargo pkgid -p phoenix-hook)
version=${version##*[@#]}
changelog_version=$(dpkg-parsechangelog -l packaging/changelog -S Version)
if [ "$version" != "$changelog_version" ]; then
    echo "build-deb: Cargo.toml says $version, packaging/changelog $changelog_version" >&2
    exit 1
fi
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(dpkg-parsechangelog -l packaging/changelog -S Timestamp)}
export SOURCE_DATE_EPOCH
# Only what is shipped: with these flags another checkout compiles all libraries anew.
[ "$profile" != release ] || export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=phoenix --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
# The lab kills the programs at step boundaries; nothing of it is in what users get.
features=()
[ "$profile" != lab ] || features=(--features fail-points)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# compile <crate> <binary> [rustc flags for the binary alone]
compile() {
    local crate=$1 binary=$2
    shift 2
    cargo rustc --locked --profile "$profile" --target "$triple" -p "$crate" --bin "$binary" "${features[@]}" -- "$@"
}

# stage <package> <binary>: the package's tree as on the target, without DEBIAN/.
stage() {
    local package=$1 binary=$2 tree=$work/$1 page
    mkdir -p "$tree/usr/bin" "$tree/usr/share/doc/$package"
    cp -R --preserve=mode,links "packaging/${package#phoenix-}/usr" "$tree/"
    install -m 0755 "$target/$triple/$profile/$binary" "$tree/usr/bin/$binary"
    for page in "$tree"/usr/share/man/man*/*.[1-9]; do
        sed -i "s/@VERSION@/$version/" "$page"
        gzip -9n "$page"
    done
    install -m 0644 packaging/copyright "$tree/usr/share/doc/$package/copyright"
    gzip -9nc packaging/changelog > "$tree/usr/share/doc/$package/changelog.gz"
}

# library_depends <binary>: what dpkg-shlibdeps finds, as a Depends field. It wants to see a source package's tree.
library_depends() {
    local tree=$work/shlibs/debian binary=debian/phoenix/usr/bin/${1##*/}
    mkdir -p "$tree/phoenix/DEBIAN" "$tree/phoenix/usr/bin"
    printf 'Source: phoenix\n\nPackage: phoenix\nArchitecture: amd64\n' > "$tree/control"
    cp "$1" "$work/shlibs/$binary"
    (cd "$work/shlibs" && dpkg-shlibdeps -O "-e$binary") | sed -n 's/^shlibs:Depends=//p'
}

# pack <package> <depends>: control files, checksums, modes, times, then the archive.
pack() {
    local package=$1 depends=$2 tree=$work/$1 size
    mkdir -p "$tree/DEBIAN"
    size=$(du -sk --apparent-size "$tree/usr" | cut -f1)
    sed -e "s/@VERSION@/$version/" -e "s/@INSTALLED_SIZE@/$size/" -e "s/@DEPENDS@/$depends/" \
        "packaging/${package#phoenix-}/DEBIAN/control.in" > "$tree/DEBIAN/control"
    find "packaging/${package#phoenix-}/DEBIAN" -type f ! -name control.in -exec install -m 0755 {} "$tree/DEBIAN/" \;
    (cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) > "$tree/DEBIAN/md5sums"
    chmod 0644 "$tree/DEBIAN/control" "$tree/DEBIAN/md5sums"
    find "$tree" -type d -exec chmod 0755 {} +
    find "$tree/usr" -type f ! -path '*/bin/*' ! -name '*.sh' -exec chmod 0644 {} +
    find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$tree" "$output/${package}_${version}_amd64.deb" >/dev/null
}

mkdir -p "$output"
rm -f "$output"/*.deb

# Static for the program alone: the libraries are shared with the hook's build.
compile phoenix-guest-agent phoenix-guest-agent -C target-feature=+crt-static
stage phoenix-guest-agent phoenix-guest-agent
pack phoenix-guest-agent ""

compile phoenix-hook phoenix-hook
stage phoenix-hook phoenix-hook
ln -s phoenix-hook "$work/phoenix-hook/usr/bin/phoenix"
ln -s phoenix-hook.1.gz "$work/phoenix-hook/usr/share/man/man1/phoenix.1.gz"
mkdir -p "$work/phoenix-hook/usr/lib/phoenix"
cp "$output/phoenix-guest-agent_${version}_amd64.deb" "$work/phoenix-hook/usr/lib/phoenix/phoenix-guest-agent.deb"
echo "$version" > "$work/phoenix-hook/usr/lib/phoenix/phoenix-guest-agent.version"
(cd "$work/phoenix-hook/usr/lib/phoenix" && sha256sum phoenix-guest-agent.deb > phoenix-guest-agent.deb.sha256)
mkdir -p "$work/phoenix-hook/usr/share/phoenix" "$work/phoenix-hook/usr/share/doc/phoenix-hook/examples"
cp -R etc/schema "$work/phoenix-hook/usr/share/phoenix/"
find etc -mindepth 1 -maxdepth 1 ! -name schema -exec cp -R {} "$work/phoenix-hook/usr/share/doc/phoenix-hook/examples/" \;
pack phoenix-hook "$(library_depends "$work/phoenix-hook/usr/bin/phoenix-hook")"

(cd "$output" && sha256sum -- *.deb > SHA256SUMS && cat SHA256SUMS)
