// A network namespace for a container on the data network without any CNI plugin: for tests of the hosts themselves.
import type { Host } from './host.ts';

/**
 * Makes network namespace `name` (at most 11 characters) on the host, with `address/prefix` on its eth0, bridged to the
 * host's data uplink. It ends with the host, or with `removePlainNetwork`.
 */
export async function addPlainNetwork(host: Host, name: string, address: string): Promise<void> {
  const bridge = 'plain0';
  await host.must([
    'sh',
    '-c',
    `ip link show ${bridge} >/dev/null 2>&1 || ip link add ${bridge} type bridge mcast_snooping 0`,
  ]);
  const lines = [
    `netns add ${name}`,
    `link set ${host.dataUplink} master ${bridge}`,
    `link set ${bridge} up`,
    `link add pl-${name} type veth peer name eth0 netns ${name}`,
    `link set pl-${name} master ${bridge} up`,
  ];
  await host.must(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
  await host.must(['ip', '-netns', name, '-batch', '-'], {
    input: `link set lo up\naddr add ${address} dev eth0\nlink set eth0 up\n`,
  });
}
