// Every call of containerd's shim gets the answer that the state of its container asks for.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CriuConfigurations } from '#agent/criu/configuration.ts';
import { HookDesk } from '#agent/criu/hook-desk.ts';
import { ContainerRegistry } from './container-registry.ts';
import { CreateDesk } from './create-desk.ts';
import { annotations } from './oci-spec.ts';
import { ExecGate } from './exec-gate.ts';
import { SignalGate } from './signal-gate.ts';
import { attendRuntime, type RuntimeDeskPorts } from './runtime-desk.ts';
import type { Conversation } from './wrapper-server.ts';

function rig(t: ExecutionContext, ports: Partial<RuntimeDeskPorts> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'desk-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const said: string[] = [];
  const registry = new ContainerRegistry(join(directory, 'containers'));
  const desk: RuntimeDeskPorts = {
    registry,
    creates: new CreateDesk(),
    execs: new ExecGate(),
    signals: new SignalGate(),
    isEnding: (_id, signal) => Promise.resolve(signal === '9'),
    hooks: new HookDesk('/images'),
    criu: new CriuConfigurations(join(directory, 'criu'), '/hook'),
    leaving: () => undefined,
    onKill: (id) => void said.push(`killed ${id}`),
    isRestored: () => false,
    forget: (id) => void said.push(`forgot ${id}`),
    ...ports,
  };
  const ask = async (command: string, ...args: string[]): Promise<string[]> => {
    const conversation: Conversation = {
      request: { command, cwd: directory, args: ['--root', '/r/default', command, ...args] },
      passThrough: () => void said.push('pass'),
      hold: () => void said.push('hold'),
      askForPatience: () => void said.push('patience'),
      exit: (code) => void said.push(`exit ${code}`),
      run: () => Promise.resolve(0),
      gone: Promise.resolve(),
    };
    await attendRuntime(conversation, desk);
    return said.splice(0);
  };
  const bundle = (spec: object): void => writeFileSync(join(directory, 'config.json'), JSON.stringify(spec));
  return { desk, registry, ask, bundle, directory };
}

const notAsked = () => Promise.reject(new Error('nobody asks this'));

test("a new container is registered, gets CRIU's configuration, and starts as ever", async (t) => {
  const { ask, bundle, desk, registry, directory } = rig(t);
  bundle({ annotations: { mine: 'x' } });
  t.deepEqual(await ask('create', '--bundle', directory, 'shop'), ['forgot shop', 'pass']);
  t.is(registry.get('shop')?.bundle, directory);
  t.deepEqual(JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8')), {
    annotations: { mine: 'x', [annotations.criuConfig]: desk.criu.pathOf('shop') },
  });
  t.regex(readFileSync(desk.criu.pathOf('shop'), 'utf8'), /^action-script \/hook$/m);
  await ask('delete', 'shop');
  t.false(existsSync(desk.criu.pathOf('shop')));
  t.deepEqual(await ask('start', 'shop'), ['pass']);
});

test('a replacement waits for its handover', async (t) => {
  const { ask, bundle, desk, registry } = rig(t);
  const expected = desk.creates.expect('h1');
  bundle({ annotations: { [annotations.handover]: 'h1' } });
  t.deepEqual(await ask('create', 'shop'), []);
  t.is((await expected).oci.id, 'shop');
  t.is(registry.get('shop'), undefined);
});

test('a replacement that nobody waits for never starts afresh', async (t) => {
  const { ask, bundle } = rig(t);
  bundle({ annotations: { [annotations.handover]: 'h1' } });
  await t.throwsAsync(ask('create', 'shop'), { code: 'ERR_HANDOVER_UNKNOWN' });
});

test('a session waits while its container freezes, and joins it when that is undone', async (t) => {
  const { ask, desk } = rig(t);
  t.deepEqual(await ask('exec', '--process', '/tmp/p', 'shop'), ['pass']);
  desk.execs.close('shop');
  t.deepEqual(await ask('exec', '--process', '/tmp/p', 'shop'), ['patience']);
  t.deepEqual(await ask('exec', '--process', '/tmp/p', 'other'), ['pass']);
  desk.execs.open('shop');
  t.deepEqual(await ask('exec', 'shop'), ['pass']);
});

test('a restored container needs no start', async (t) => {
  const { ask } = rig(t, { isRestored: (id) => id === 'shop' });
  t.deepEqual(await ask('start', 'shop'), ['exit 0']);
  t.deepEqual(await ask('start', 'other'), ['pass']);
});

test('a kill is delivered, and ends a handover that can still be ended', async (t) => {
  for (const leaving of [undefined, 'before-commit'] as const)
    t.deepEqual(await rig(t, { leaving: () => leaving }).ask('kill', 'shop', '9'), ['killed shop', 'pass']);
  t.deepEqual(await rig(t, { leaving: () => 'after-commit' }).ask('kill', 'shop', '9'), ['exit 0']);
});

test('a signal that does not end a container that leaves waits while it stands still, and comes to nobody when it has moved', async (t) => {
  const { ask, desk } = rig(t, { leaving: () => 'before-commit' });
  t.deepEqual(await ask('kill', 'shop', '28'), ['exit 0'], 'delivered: it runs');
  await desk.signals.close('shop', 100);
  t.deepEqual(await ask('kill', 'shop', '28'), ['patience']);
  t.deepEqual(await ask('kill', 'shop', '9'), ['killed shop', 'pass']);
  desk.signals.open('shop');
  t.deepEqual(await ask('kill', 'shop', '28'), ['exit 0', 'exit 0'], 'the one that waited, too');
  await desk.signals.close('shop', 100);
  t.deepEqual(await ask('kill', 'shop', '28'), ['patience']);
  desk.signals.refuse('shop');
  t.deepEqual(await rig(t, { leaving: () => 'after-commit' }).ask('kill', 'shop', '28'), ['exit 1']);
  t.deepEqual(await rig(t, { leaving: () => undefined }).ask('kill', 'shop', '28'), ['killed shop', 'pass']);
});

test("the kill of a sandbox is its runtime's business, also while the handover of its pod comes to its end", async (t) => {
  const pods = { kill: notAsked, create: notAsked, exec: notAsked };
  t.deepEqual(await rig(t, { leaving: () => 'after-commit', pods }).ask('kill', 'sandbox', '9'), ['pass']);
});

test("a session in a pod's container waits for what its pod waits for, and else for its container only", async (t) => {
  for (const isHeld of [true, false]) {
    const pods = { kill: notAsked, create: notAsked, exec: () => Promise.resolve(isHeld) };
    const { ask, registry } = rig(t, { pods });
    const pod = { namespace: 'default', name: 'shop-0', uid: 'u1', sandbox: 's1', container: 'app' };
    registry.add({ id: 'shop', root: '/r/default', bundle: '/b', createdAt: '', pod });
    t.deepEqual(await ask('exec', '--process', '/p', 'shop'), isHeld ? [] : ['pass']);
    t.deepEqual(await ask('exec', '--process', '/p', 'other'), ['pass']);
  }
});

test('a delete forgets the container, unless its handover still needs it', async (t) => {
  for (const [leaving, kept] of [
    [undefined, false],
    ['after-commit', true],
  ] as const) {
    const { ask, registry } = rig(t, { leaving: () => leaving });
    registry.add({ id: 'shop', root: '/r/default', bundle: '/b', createdAt: '' });
    t.deepEqual(await ask('delete', 'shop'), ['forgot shop', 'pass']);
    t.is(registry.get('shop') !== undefined, kept);
  }
});

test("everything else is runc's", async (t) => {
  const { ask } = rig(t);
  t.deepEqual(await ask('state', 'shop'), ['pass']);
  t.deepEqual(await ask('create'), ['pass']);
});
