// A pod desk on node `a` with its whole surroundings in memory: what the watches and the API server say of the cluster
// is set by hand, and so is the time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import type { Migration } from '#core/api/migration.ts';
import type { Node, Pod } from '#core/api/pod.ts';
import { GodwitError } from '#core/errors.ts';
import type { KubeApi, KubeObject, ObjectCache, ObjectName } from '#core/kube/port.ts';
import { HandClock } from '#core/kube/testing/hand-clock.ts';
import { silentLog } from '#core/log.ts';
import { node, pod, policy, time } from '#core/testing/objects.ts';
import { ClusterView } from '#agent/kubernetes/cluster-view.ts';
import { HeldKills } from '#agent/kubernetes/kills/held-kills.ts';
import { Arrivals } from '#agent/kubernetes/pod/arrivals.ts';
import { ExecGate } from '#agent/runtime/exec-gate.ts';
import { KubernetesPodDesk } from '#agent/kubernetes/pod-desk.ts';

/** What the watches know; `live` is what the API server knows more or better. */
export interface World {
  pods: Pod[];
  nodes: Node[];
  migrations: Migration[];
  policies: InterruptionPolicy[];
  live: { pods?: Pod[]; migrations?: Migration[]; silent?: true };
}

const is =
  ({ name, namespace }: ObjectName) =>
  ({ metadata }: KubeObject): boolean =>
    metadata.name === name && (namespace === undefined || metadata.namespace === namespace);
const cacheOf = <T extends KubeObject>(all: () => T[]): ObjectCache<T> => ({
  get: (name) => all().find(is(name)),
  list: (namespace) => all().filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace),
  onChange: () => () => undefined,
});
const notHere = (): Promise<never> => Promise.reject(new Error('a desk does not ask for this'));

/** At 100 s after everything was made. */
export function deskRig(t: ExecutionContext, parts: Partial<World> = {}) {
  const runDir = mkdtempSync(join(tmpdir(), 'pod-desk-'));
  t.teardown(() => rmSync(runDir, { recursive: true }));
  const world: World = {
    pods: [pod()],
    nodes: [node('a'), node('b')],
    migrations: [],
    policies: [policy()],
    live: {},
    ...parts,
  };
  const asked: string[] = [];
  const find: KubeApi['find'] = (resource, name) => {
    asked.push(`${resource.kind} ${name.name}`);
    if (world.live.silent === true) return Promise.reject(new GodwitError('ERR_KUBE_UNAVAILABLE', 'no answer'));
    const all: KubeObject[] =
      resource.kind === 'Pod' ? (world.live.pods ?? world.pods) : (world.live.migrations ?? world.migrations);
    const found = all.find(is(name));
    return Promise.resolve(found === undefined ? undefined : resource.parse(found));
  };
  const api: KubeApi = {
    find,
    get: notHere,
    list: notHere,
    create: notHere,
    replace: notHere,
    patch: notHere,
    delete: notHere,
    evict: notHere,
  };
  const clock = new HandClock(0, time(100));
  const view = new ClusterView('a', api, {
    pods: cacheOf(() => world.pods),
    nodes: cacheOf(() => world.nodes),
    migrations: cacheOf(() => world.migrations),
    policies: cacheOf(() => world.policies),
  });
  const said: string[] = [];
  const kills = new HeldKills(clock, silentLog, runDir, () => Promise.resolve());
  const arrivals = new Arrivals();
  const execs = new ExecGate();
  const desk = new KubernetesPodDesk({
    clock,
    log: silentLog,
    runDir,
    criuHook: '/opt/godwit/godwit-criu-hook',
    view,
    kills,
    execs,
    arrivals,
    endSandbox: (root, sandbox) => said.push(`ended sandbox ${sandbox} below ${root}`),
    openLinks: (netns, { uid }) => Promise.resolve(void said.push(`opened ${netns} for ${uid}`)),
    onDecision: ({ decision, reason }) => said.push(`${decision} ${reason}`),
  });
  /** Lets time pass, and whatever waits for it go on; resolves with what was said since the last look. */
  const pass = async (ms: number): Promise<string[]> => {
    for (let leftMs = ms; leftMs > 0; leftMs -= 100) {
      await turn();
      clock.advance(Math.min(100, leftMs));
    }
    await turn();
    return said.splice(0);
  };
  return { world, asked, kills, execs, arrivals, runDir, desk, said, pass };
}
