#!/bin/bash
# Starts a light machine, in three steps:
#   outer  in the machine's cgroup, host pid: makes the namespaces
#   inner  pid 1 of the new namespaces: enters the cgroup for good
#   root   in its own cgroup namespace: builds the root, pivots, becomes systemd
# Environment: LAB_* (machine.rs and cgroup.rs).
set -e
case $1 in
outer)
  if [ "$LAB_CGROUP" != v1 ]; then
    # No process may sit in a cgroup that hands out controllers: the waiting unshare goes to
    # lab/, the machine to guest/.
    group=$LAB_CGROUP_FOLDERS
    mkdir -p "$group/lab" "$group/guest"
    echo 0 > "$group/lab/cgroup.procs"
    for controller in $(cat "$group/cgroup.controllers"); do
      echo "+$controller" > "$group/cgroup.subtree_control" || true
    done
  fi
  exec unshare --mount --pid --fork --uts --ipc --net --kill-child -- bash "$LAB_SCRIPT" inner ;;
inner)
  # /proc is still the host's, so this is the host's view of this pid 1.
  read -r line < /proc/self/stat
  pid=${line%% *}; set -- ${line##*) }; echo "$pid ${20}" > "$LAB_FOLDER/init.pid"
  if [ "$LAB_CGROUP" = v1 ]; then
    for folder in $LAB_CGROUP_FOLDERS; do echo 0 > "$folder/cgroup.procs"; done
  else
    echo 0 > "$LAB_CGROUP_FOLDERS/guest/cgroup.procs"
  fi
  exec unshare --cgroup -- bash "$LAB_SCRIPT" root ;;
esac

root=$LAB_FOLDER/root
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$LAB_TREE,upperdir=$LAB_FOLDER/upper,workdir=$LAB_FOLDER/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
# Global sysctls belong to the host; net/ is the machine's own.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
# A new one per boot, else a reboot cannot be told.
cat /proc/sys/kernel/random/uuid > "$LAB_FOLDER/boot_id"
mount --bind "$LAB_FOLDER/boot_id" "$root/proc/sys/kernel/random/boot_id"

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir -p "$root"/dev/{pts,shm,net,mqueue}
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  IFS=: read -r name major minor <<< "$node"
  mknod -m 666 "$root/dev/$name" c "$major" "$minor"
done
mknod -m 666 "$root/dev/net/tun" c 10 200
ln -s /proc/self/fd "$root/dev/fd"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/lab"
mount --bind "$LAB_FOLDER/run" "$root/run/lab"
ln -s "lab/docker.sock" "$root/run/docker.sock"
# LAB_BINDS: "from:to" words; /var/lib/docker among them, for overlay2 cannot sit on overlayfs.
for bind in $LAB_BINDS; do
  mkdir -p "$root${bind#*:}"
  mount --bind "${bind%%:*}" "$root${bind#*:}"
done

arguments=
if [ "$LAB_CGROUP" = v1 ]; then
  mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
  for hierarchy in $LAB_V1; do
    mkdir "$root/sys/fs/cgroup/$hierarchy"
    case $hierarchy in systemd) options=none,name=systemd ;; *) options=$hierarchy ;; esac
    mount -t cgroup -o "$options" cgroup "$root/sys/fs/cgroup/$hierarchy"
  done
  # systemd 257 wants the second word to accept the first.
  arguments='systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1'
else
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
fi

hostname "$LAB_HOSTNAME"
echo "$LAB_HOSTNAME" > "$root/etc/hostname"
printf '127.0.0.1 localhost\n%s %s\n' "$LAB_ADDRESS" "$LAB_HOSTNAME" > "$root/etc/hosts"
# DNS is refused at once; else a pull waits 20 s for it.
rm -f "$root/etc/resolv.conf"; echo 'nameserver 127.0.0.1' > "$root/etc/resolv.conf"
[ -s "$root/etc/machine-id" ] || tr -d - < /proc/sys/kernel/random/uuid > "$root/etc/machine-id"
# ProtectKernelTunables= mounts a /proc of its own, with the boot id of the kernel that all machines share.
worker="$root/etc/systemd/system/phoenix-worker.service.d"
mkdir -p "$worker"
printf '[Service]\nBindReadOnlyPaths=/proc/sys/kernel/random/boot_id\n' > "$worker/lab-boot-id.conf"
for unit in $LAB_MASKED; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done

# The lab's process puts the other end of the cable into its bridge.
for _ in $(seq 1000); do grep -q eth0: /proc/net/dev && break; sleep 0.01; done
ip link set lo up
ip address add "$LAB_ADDRESS/24" dev eth0
ip link set eth0 up
ip route add default via "$LAB_GATEWAY"

cd "$root"
mkdir -p .old
pivot_root . .old
umount -l /.old
rmdir /.old || true
exec < /dev/null
# No CAP_SYS_TIME: guest-set-time would set the host's clock; no CAP_SYS_MODULE.
exec setpriv --bounding-set -sys_time,-sys_module --inh-caps -sys_time,-sys_module \
  env -i container=phoenixlab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /sbin/init --log-target=console --show-status=0 $arguments
