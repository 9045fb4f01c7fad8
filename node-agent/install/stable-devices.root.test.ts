// What Godwit made on a node goes; uplinks, and what others use, stay.
import test from 'ava';
import { hostRoot } from '#hosts/host-root.ts';
import { openHostSide } from '#cni/link/host-side.ts';
import { exemptFromTracking } from '#cni/netlink/untracked-bridge.ts';
import { Lab } from '#cni/testing/lab.ts';
import { removeDevices } from './stable-devices.ts';

const lab = new Lab();
const root = await hostRoot();
test.after.always(() => lab.close());

const names = (): string[] =>
  [...lab.ip('node', '-o', 'link').matchAll(/^\d+: ([^:@]+)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'lo')
    .toSorted();
const tables = (): string => lab.exec('node', 'chroot', root, 'nft', 'list', 'tables');

function bridge(name: string, ...ports: string[]): void {
  lab.ip('node', 'link', 'add', name, 'type', 'bridge');
  for (const port of ports) lab.ip('node', 'link', 'set', port, 'master', name);
}

test('bridges, tunnels, links and tables of Godwit go, once', async (t) => {
  const netns = lab.namespace('node');
  for (const uplink of ['up0', 'up1', 'up2', 'up3']) lab.plug('node', uplink);
  lab.ip('node', 'link', 'add', 'gdw0123', 'type', 'veth', 'peer', 'name', 'podend');
  lab.ip('node', 'link', 'add', 'gdwvx7', 'type', 'vxlan', 'id', '7', 'dstport', '4789', 'local', '198.19.0.1');
  bridge('gw-stable', 'up0', 'gdw0123');
  bridge('gw-tunnel', 'gdwvx7');
  bridge('named', 'up1');
  bridge('gw-shared', 'up2', 'up3');
  bridge('gw-node');
  lab.ip('node', 'addr', 'add', '198.19.0.1/24', 'dev', 'gw-node');
  bridge('other');
  const host = openHostSide(netns);
  host.inside(() => ['gw-stable', 'gw-shared', 'gone'].forEach(exemptFromTracking));
  await host.close();
  t.deepEqual(await removeDevices([{ bridge: 'named' }, { bridge: 'gone' }], netns), ['gw-shared', 'gw-node']);
  t.deepEqual(names(), ['gw-node', 'gw-shared', 'other', 'up0', 'up1', 'up2', 'up3']);
  t.is(tables().trim(), 'table inet godwit-gw-shared');
  t.regex(lab.ip('node', '-o', 'link', 'show', 'up0'), /state UP/);
  t.deepEqual(await removeDevices([{ bridge: 'named' }], netns), ['gw-shared', 'gw-node'], 'again');
});
