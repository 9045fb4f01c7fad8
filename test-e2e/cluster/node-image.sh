#!/bin/bash
# Builds kind's node image from Debian packages and Go modules, for machines that reach no container registry; prints
# its name.
#
# Usage: node-image.sh   about a minute when roots and programs are there; at once when nothing has changed
set -euo pipefail
cd "$(dirname "$0")"

cache=${GODWIT_CACHE:-/var/cache/godwit}
node_root=$(./roots.sh node)
base_root=$(./roots.sh base)
workloads_root=$(./roots.sh workloads)
bin=$(./binaries.sh)
hash=$(cat node-image.sh system-images.ts files/* ../../scripts/images/oci-layout.ts <(echo "$node_root $base_root $workloads_root $bin") | sha256sum | cut -c1-12)
image=localhost/godwit-kind-node:$hash
export CONTAINERS_CONF=$PWD/files/containers.conf

say() { echo "node-image: $*" >&2; }

exec 9>"$cache/cluster-node.lock"
flock 9
if podman image exists "$image"; then echo "$image"; exit; fi

work=$cache/cluster-node.new
rm -rf "$work"
mkdir -p "$work/images" "$work/pause"
trap 'rm -rf "$work"' EXIT
say "writing the images of the system pods"
musl-gcc -static -Os -s files/pause.c -o "$work/pause/pause"
node system-images.ts --bin "$bin" --base "$base_root" --workloads "$workloads_root" --pause "$work/pause/pause" --out "$work/images/all.tar" >&2

say "assembling the node"
n=$work/node
cp -a "$node_root" "$n"
rm -f "$n/.complete"
kind_files=$(cd go/kind && go list -m -f '{{.Dir}}' sigs.k8s.io/kind)/images/base/files
(cd "$kind_files" && find . -type f -not -path './LICENSES/*') | while read -r f; do install -D -m 644 "$kind_files/$f" "$n/$f"; done
chmod 755 "$n/usr/local/bin/"* "$n"/kind/bin/*.sh
install -m755 "$bin"/{kubelet,kubeadm,kubectl} "$n/usr/bin/"
install -m755 "$bin/crictl" "$n/usr/local/bin/"
ln -sf /usr/bin/containerd "$n/usr/local/bin/containerd"
ln -sf /usr/bin/ctr "$n/usr/local/bin/ctr"
mkdir -p "$n/opt/cni/bin" "$n/etc/kubernetes/manifests" "$n/kind/manifests" "$n/etc/cni/net.d"
rm -f "$n"/etc/cni/net.d/*
cp "$n"/usr/lib/cni/{host-local,loopback,ptp,portmap,bridge} "$n/opt/cni/bin/"
install -m755 "$bin/multus" "$n/opt/cni/bin/multus"

# As kind's Dockerfile does: a container starts none of a machine's services.
u=$n/usr/lib/systemd/system
rm -f "$u/sysinit.target.wants/systemd-tmpfiles-setup.service" "$u/multi-user.target.wants/"* "$n"/etc/systemd/system/*.wants/* "$u/local-fs.target.wants/"* \
  "$u/sockets.target.wants/"*udev* "$u/sockets.target.wants/"*initctl* "$u/basic.target.wants/"* "$u/containerd.service"
echo ReadKMsg=no >>"$n/etc/systemd/journald.conf"
chroot "$n" systemctl enable kubelet.service containerd.service undo-mount-hacks.service 2>/dev/null
chroot "$n" systemctl mask systemd-binfmt.service 2>/dev/null
chroot "$n" ctr oci spec | jq '.hooks.createContainer[.hooks.createContainer | length] |= . + {"path": "/kind/bin/mount-product-files.sh"} | del(.process.rlimits)' >"$n/etc/containerd/cri-base.json"

# cgroup v1 needs the cgroupfs driver; without CAP_SYS_RESOURCE no oom_score_adj below the parent's; kubeadm's pause
# image.
sed -i -e 's/SystemdCgroup = true/SystemdCgroup = false/' -e 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' -e 's#pause:3.10"#pause:3.10.2"#' "$n/etc/containerd/config.toml"
# systemd would mount every v1 controller that the kernel has, machine-wide: it sees only those that the machine has
# mounted.
entry=$n/usr/local/bin/entrypoint
awk '{ print } $0 == "fix_cgroup" && !done { done = 1; while ((getline line < "files/hide-controllers.sh") > 0) print line }' "$entry" >"$entry.new"
grep -q fake-cgroups "$entry.new" || { say "kind's entrypoint is not as expected: refusing to run systemd with it"; exit 1; }
mv "$entry.new" "$entry"
chmod 755 "$entry"
echo -n v1.36.3 >"$n/kind/version"
cp files/pod-network.yaml "$n/kind/manifests/default-cni.yaml"

say "importing the images into the node's containerd"
unshare --mount --fork bash -ec '
  n=$1
  mount --bind "$n" "$n"
  mount -t proc proc "$n/proc"; mount -t tmpfs run "$n/run"; mount --bind "$2" "$n/mnt"
  chroot "$n" bash -ec "
    containerd </dev/null >/tmp/containerd.log 2>&1 & pid=\$!
    for i in \$(seq 100); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
    ctr -n k8s.io images import --label=io.cri-containerd.image=managed --all-platforms --no-unpack --digests /mnt/all.tar >/dev/null
    kill \$pid; wait \$pid || true; rm -f /tmp/containerd.log"' import "$n" "$work/images" </dev/null >&2

say "importing the node into podman"
tar -C "$n" -c . | podman import --quiet -c 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]' -c 'ENV container=docker' -c 'STOPSIGNAL SIGRTMIN+3' - "$image" >&2
# Those that it follows: each has gigabytes. One that a cluster still runs stays.
podman images --format '{{.Repository}}:{{.Tag}}' "${image%:*}" | grep -vxF "$image" | xargs -r -n 1 podman rmi >/dev/null 2>&1 || true
echo "$image"
