// The test hosts themselves: what they promise to every other test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { GodwitError } from '#core/errors.ts';
import { images } from '#workloads/images.ts';
import { machineHierarchies } from './cgroups.ts';
import { pauseContainer, removeContainer, runContainer, taskStatus } from './containers.ts';
import { killHard, processOf, startProcess, stopProcess } from './daemons.ts';
import { downHosts, openHosts, upHosts, type HostSet } from './hosts.ts';
import { cgroupRoot, checkout, dataRoot, nodeInHost, runRoot } from './paths.ts';
import { addPlainNetwork } from './plain-network.ts';
import { processWithPid } from './process-facts.ts';
import { awaitPort } from './reachable.ts';

const own = (suffix: string) => `ht-${suffix}-${process.pid}`;

/** Everything that a set could leave on the machine. */
async function traces(name: string, pids: readonly number[]): Promise<string[]> {
  const cgroups = (await machineHierarchies()).map(({ mountPoint }) => path.join(mountPoint, cgroupRoot, name));
  const slots = path.join(runRoot, 'slots');
  const slot = existsSync(slots)
    ? readdirSync(slots).filter((file) => readFileSync(path.join(slots, file), 'utf8') === name)
    : [];
  return [
    ...[...cgroups, path.join(dataRoot, name), path.join(runRoot, name)].filter((file) => existsSync(file)),
    ...pids.filter((pid) => processWithPid(pid) !== undefined).map((pid) => `process ${pid}`),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`/${name}/`)),
    ...slot.map((number) => `slot ${number}`),
  ];
}

const pidsOf = (set: HostSet) => [...set.nodes, set.client, set.switch].map((host) => host.pid);

test.serial('a set runs redis on both hosts, reachable from the client, and leaves nothing', async (t) => {
  await using set = await upHosts({ name: own('redis') });
  for (const [index, host] of set.nodes.entries()) {
    const address = set.stableIp(50 + index);
    await addPlainNetwork(host, 'redis', `${address}/24`);
    const pid = await runContainer(host, { id: 'redis', image: images.redis, netns: 'redis', runcBinary: 'runc' });
    t.regex(await host.must(['cat', `/proc/${pid}/cgroup`]), /:\/default\/redis$/m);
    await awaitPort(set.client, address, 6379);
    await set.client.must(['ping', '-c', '1', '-W', '5', address]);
    t.is((await set.client.must(['redis-cli', '-h', address, 'ping'])).trim(), 'PONG');
  }
  await removeContainer(set.a, 'redis');
  t.is(await taskStatus(set.a, 'redis'), undefined);
  t.is(await taskStatus(set.b, 'redis'), 'RUNNING');
  const daemon = await processOf(set.b, 'containerd');
  await set.down();
  await set.down();
  t.deepEqual(await traces(set.name, [...pidsOf(set), daemon?.pid ?? 0]), []);
});

test.serial('CRIU moves a container from one host to the other with what it remembers', async (t) => {
  await using set = await upHosts({ name: own('criu') });
  const address = set.stableIp(50);
  await addPlainNetwork(set.a, 'redis', `${address}/24`);
  await runContainer(set.a, { id: 'redis', image: images.redis, netns: 'redis', runcBinary: 'runc' });
  await awaitPort(set.client, address, 6379);
  await set.client.must(['redis-cli', '-h', address, 'set', 'kept', 'yes']);
  const runc = ['runc', '--root', '/run/containerd/runc/default'];
  const flags = ['--manage-cgroups-mode', 'ignore', '--image-path', '/var/lib/godwit/images', '--work-path', '/tmp'];
  await set.a.must([...runc, 'checkpoint', ...flags, 'redis']);
  await set.a.must(['ip', '-netns', 'redis', 'link', 'set', 'eth0', 'down']);
  const [source, target] = [set.a, set.b].map((host) => path.join(host.directory, 'godwit'));
  await cp(path.join(source ?? '', 'images'), path.join(target ?? '', 'images'), { recursive: true });
  await addPlainNetwork(set.b, 'redis', `${address}/24`);
  await set.b.must(['tee', '/usr/local/bin/restoring-runc'], { input: restoringRunc });
  await set.b.must(['chmod', '+x', '/usr/local/bin/restoring-runc']);
  await runContainer(set.b, {
    id: 'redis',
    image: images.redis,
    netns: 'redis',
    runcBinary: '/usr/local/bin/restoring-runc',
  });
  await set.client.must(['ip', 'neigh', 'flush', 'all']);
  t.is((await set.client.must(['redis-cli', '-h', address, 'get', 'kept'])).trim(), 'yes');
});

/** Stands in for godwit-runc: `create` restores, `start` has nothing left to do. */
const restoringRunc = `#!/bin/bash
args=("$@")
for i in "\${!args[@]}"; do
  case "\${args[$i]}" in
    start) exit 0;;
    create) exec runc "\${args[@]:0:$i}" restore --detach --no-subreaper --manage-cgroups-mode ignore \\
      --image-path /var/lib/godwit/images --work-path /tmp "\${args[@]:$((i + 1))}";;
  esac
done
exec runc "$@"
`;

test.serial('a set whose owner was killed is swept by the next one of that name', async (t) => {
  const name = own('crash');
  const script = `import { upHosts } from '#hosts/hosts.ts'; await upHosts({ name: '${name}' }); console.log('up'); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const stale = await openHosts(name);
  if (!stale) throw new Error('the set of the other process cannot be opened');
  const refusal = await t.throwsAsync(async () => await downHosts(name), { instanceOf: GodwitError });
  t.is(refusal?.code, 'ERR_HOST_BUSY');
  const pids = pidsOf(stale);
  child.kill('SIGKILL');
  await once(child, 'close');
  t.true(stale.a.isUp());
  await using set = await upHosts({ name });
  t.deepEqual(
    pids.filter((pid) => processWithPid(pid) !== undefined),
    [],
  );
  t.regex(await set.a.must(['ctr', 'version']), /Server:/);
  await set.down();
  t.deepEqual(await traces(name, pids), []);
});

test.serial('a set whose owner was killed is swept by any other set', async (t) => {
  const name = own('orphan');
  const script = `import { upHosts } from '#hosts/hosts.ts'; await upHosts({ name: '${name}', images: false }); process.kill(process.pid, 'SIGKILL');`;
  await once(
    spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: checkout,
      stdio: ['ignore', 'ignore', 'inherit'],
    }),
    'close',
  );
  const orphan = await openHosts(name);
  t.true(orphan?.a.isUp());
  await using other = await upHosts({ name: own('other'), images: false });
  t.true(other.a.isUp());
  t.deepEqual(await traces(name, orphan ? pidsOf(orphan) : []), []);
});

test.serial('a frozen container does not keep a set from going down', async (t) => {
  await using set = await upHosts({ name: own('frozen') });
  await runContainer(set.a, { id: 'redis', image: images.redis, runcBinary: 'runc' });
  await pauseContainer(set.a, 'redis');
  await set.down();
  t.deepEqual(await traces(set.name, pidsOf(set)), []);
});

test.serial('two sets side by side have their own networks, containers and processes', async (t) => {
  await using one = await upHosts({ name: own('one'), third: true });
  await using two = await upHosts({ name: own('two') });
  t.not(one.dataSubnet, two.dataSubnet);
  t.is(one.nodes.length, 3);
  t.is((await one.a.must(['hostname'])).trim(), 'a');
  await one.a.must(['ping', '-c', '1', '-W', '5', 'c']);
  t.not((await one.a.exec(['ping', '-c', '1', '-W', '1', two.a.mgmtAddress])).code, 0);
  await one.down();
  t.true(two.a.isUp());
  t.regex(await two.a.must(['ctr', 'version']), /Server:/);
});

test.serial('daemons start, die and can be asked about', async (t) => {
  await using set = await upHosts({ name: own('daemons'), images: false });
  const agent = [
    'node',
    '-e',
    `process.on('SIGTERM', () => process.exit(0)); console.log('pid', process.pid, process.env.GREETING); setInterval(() => {}, 1e6)`,
  ];
  const { pid } = await startProcess(set.a, 'agent', agent, { GREETING: 'hello' });
  t.is((await processOf(set.a, 'agent'))?.pid, pid);
  await t.throwsAsync(async () => await startProcess(set.a, 'agent', agent), { instanceOf: GodwitError });
  t.regex(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`/${cgroupRoot}/${set.name}/a/init$`, 'm'));
  await killHard(set.a, 'agent');
  t.is(await processOf(set.a, 'agent'), undefined);
  await startProcess(set.a, 'agent', agent, { GREETING: 'again' });
  await stopProcess(set.a, 'agent');
  await stopProcess(set.a, 'agent');
  t.is(await processOf(set.a, 'agent'), undefined);
});

test.serial('programs that are spawned inside die with the process that spawned them', async (t) => {
  await using set = await upHosts({ name: own('spawn'), images: false });
  const child = set.client.spawn([nodeInHost, '-e', 'console.log(process.pid); setInterval(() => {}, 1e6)']);
  if (!child.stdout) throw new Error('the program has no stdout');
  const [line] = await once(child.stdout, 'data');
  const inside = Number(String(line));
  t.truthy(processWithPid(inside, `${set.client.root}/proc`));
  child.kill('SIGKILL');
  await once(child, 'close');
  while (processWithPid(inside, `${set.client.root}/proc`)) await set.client.must(['true']);
  t.is((await set.client.exec(['sleep', '60'], { timeoutMs: 50 })).code, null);
});

test.serial('a bad name is refused before anything is done', async (t) => {
  const refusal = await t.throwsAsync(async () => await upHosts({ name: '../escape' }), { instanceOf: GodwitError });
  t.is(refusal?.code, 'ERR_CONFIG_INVALID');
});
