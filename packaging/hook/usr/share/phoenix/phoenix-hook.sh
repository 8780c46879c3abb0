#!/bin/sh
# Phoenix: the file Proxmox calls as hookscript, `<vmid> <phase>`. It belongs to no package: a guest whose
# hookscript is missing does not start, so this one outlives upgrade and removal of phoenix-hook.
#
# A guest that had another hookscript before keeps it: the path of that script stands in phoenix-hook.d/<vmid>
# beside this file. It runs first; when it refuses a start, its refusal stands.
chain="${0%/*}/phoenix-hook.d/$1"
if [ -n "$1" ] && [ -f "$chain" ] && IFS= read -r script < "$chain"; then
    "$script" "$@"
    code=$?
    if [ "$code" -ne 0 ]; then
        [ "$2" != pre-start ] || exit "$code"
        echo "phoenix: hookscript $script of guest $1 ended with $code in $2" >&2
    fi
fi
[ -x /usr/bin/phoenix-hook ] || exit 0
exec /usr/bin/phoenix-hook "$@"
