// The agent's half of the CNI benchmark, in a process of its own: `node bench/cni-agent.ts DIR NETNS` serves
// DIR/run/cni.sock until its input ends.
import { join } from 'node:path';
import { silentLog } from '#core/log.ts';
import { createLinks } from '#cni/links.ts';
import { readNetworks } from '#cni/network-configs.ts';
import { serveCni } from '#cni/socket-server.ts';

const [dir, netns] = process.argv.slice(2);
if (dir === undefined || netns === undefined) throw new TypeError('DIR and NETNS are needed');
const node = await createLinks({
  stateDir: join(dir, 'state'),
  networks: () => readNetworks(join(dir, 'net.d'), silentLog),
  log: silentLog,
  netns,
});
await node.start();
const server = await serveCni(join(dir, 'run/cni.sock'), node.handleCni);
process.stdout.write('ready\n');
process.stdin.resume().on('end', () => {
  void server.close().then(async () => node.close());
});
