if [ ! -f /sys/fs/cgroup/cgroup.controllers ]; then
  for controller in $(awk 'NR > 1 { print $1 }' /proc/cgroups); do [ -d "/sys/fs/cgroup/$controller" ] || hidden="${hidden:-}|$controller"; done
  grep -vwE "none${hidden:-}" /proc/cgroups >/kind/fake-cgroups
  mount --bind /kind/fake-cgroups /proc/cgroups
fi
