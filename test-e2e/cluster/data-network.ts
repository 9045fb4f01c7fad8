// The nodes' second network: a switch in a namespace of its own, a leg into every node, and a client outside of the
// cluster.
import { dataNetwork } from '#cluster/paths.ts';
import { run } from '#cluster/run.ts';

const { switchNetns, clientNetns, clientAddress, subnet, uplink } = dataNetwork;
const bridge = 'br-data';
const ip = (...args: string[]): Promise<string> => run('ip', args);
const inSwitch = (...args: string[]): Promise<string> => ip('-n', switchNetns, ...args);

export async function wireData(nodes: readonly { name: string; pid: number }[]): Promise<void> {
  await ip('netns', 'add', switchNetns);
  await inSwitch('link', 'add', bridge, 'type', 'bridge');
  await inSwitch('link', 'set', bridge, 'up');
  await ip('netns', 'add', clientNetns);
  await ip('-n', clientNetns, 'link', 'set', 'lo', 'up');
  for (const { name, pid } of nodes) await plugNode(name, pid);
  await addLeg('client', clientNetns);
  const prefix = subnet.split('/')[1] ?? '24';
  await ip('-n', clientNetns, 'address', 'add', `${clientAddress}/${prefix}`, 'dev', uplink);
}

/** The node's leg, also when it has booted again. */
export async function plugNode(name: string, pid: number): Promise<void> {
  await addLeg(portOf(name), String(pid));
}

/** Names of network devices are short. */
const portOf = (node: string): string => node.slice(-15);

/** A cable from a port of the switch to `eth1` of a network namespace (pid or name). */
async function addLeg(port: string, namespace: string): Promise<void> {
  await inSwitch('link', 'add', port, 'type', 'veth', 'peer', 'name', uplink, 'netns', namespace);
  await inSwitch('link', 'set', port, 'master', bridge, 'up');
  const inside = /^\d+$/.test(namespace) ? ['nsenter', '-t', namespace, '-n', 'ip'] : ['ip', '-n', namespace];
  const [command = 'ip', ...args] = inside;
  await run(command, [...args, 'link', 'set', uplink, 'up']);
}

/** The legs go with the switch. */
export async function unwireData(): Promise<void> {
  const existing = new Set((await ip('netns', 'list')).split('\n').map((line) => line.split(' ')[0]));
  for (const name of [switchNetns, clientNetns]) if (existing.has(name)) await ip('netns', 'delete', name);
}
