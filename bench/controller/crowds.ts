// What comes in numbers: heartbeats of all nodes, the pods of a workload that grows, and moves that wait for their
// turn.
import { setTimeout as sleep } from 'node:timers/promises';
import { findCondition } from '#core/api/conditions.ts';
import { claimGate } from '#core/api/names.ts';
import { migrations, nodes, pods } from '#core/kube/resources.ts';
import { round } from '../statistics.ts';
import type { ControllerProcess } from './controller-process.ts';
import { heartbeat, nodeName, shutdownNotice } from './nodes.ts';
import { timeUntil, type Observer } from './observer.ts';
import { forEach, watchedLabel, type RunningPod } from './population.ts';
import { newMigration, pod, type Owner } from './workloads.ts';

const heartbeats = 1_000;
const newPods = 200;
/** Over which the cost of waiting is measured. */
const waitingMs = 5_000;

/**
 * Ends when the controller has seen them all: the last of them says that a node shuts down, and a pod of it gets its
 * Migration.
 */
export async function measureHeartbeats(
  { api, migrations: watch }: Observer,
  controller: ControllerProcess,
  nodeCount: number,
  last: RunningPod,
) {
  const before = controller.cpuSeconds();
  const startedAt = performance.now();
  await forEach(heartbeats, async (number) =>
    api.patch(nodes, { name: nodeName(number % nodeCount) }, { status: heartbeat() }, 'status'),
  );
  await timeUntil(
    watch,
    `a move of ${last.name}`,
    ({ object: { spec } }) => spec.podName === last.name,
    async () => api.patch(nodes, { name: last.node }, { status: shutdownNotice() }, 'status'),
  );
  return {
    heartbeats,
    cpuSeconds: round(controller.cpuSeconds() - before),
    wallSeconds: round((performance.now() - startedAt) / 1000),
  };
}

/** New pods that replace none: how long until all were made, and until all may be scheduled. */
export async function measureGrowth({ api, ...observer }: Observer, owner: Owner) {
  const released = new Set<string>();
  const startedAt = performance.now();
  let createdMs = 0;
  const { ms } = await timeUntil(
    observer.pods,
    'release of the new pods',
    ({
      object: {
        metadata: { name },
        spec,
      },
    }) => {
      if (name.startsWith('new-') && spec.schedulingGates?.some((gate) => gate.name === claimGate) !== true)
        released.add(name);
      return released.size === newPods;
    },
    async () => {
      await forEach(newPods, async (number) =>
        api.create(pods, pod(`new-${number}`, owner, undefined, { [watchedLabel]: '' })),
      );
      createdMs = performance.now() - startedAt;
    },
  );
  return { pods: newPods, createdMs: round(createdMs), releasedMs: round(ms) };
}

/**
 * As many moves at once as a drain of a large node asks for: until each is admitted or told why it waits, and what
 * their waiting costs.
 */
export async function measureQueue(
  { api, migrations: watch }: Observer,
  controller: ControllerProcess,
  moving: readonly RunningPod[],
) {
  const told = new Set<string>();
  const { ms } = await timeUntil(
    watch,
    'a word on every move',
    ({ object: { metadata, status } }) => {
      if (metadata.name.startsWith('queued-') && findCondition(status?.conditions, 'Admitted') !== undefined)
        told.add(metadata.name);
      return told.size === moving.length;
    },
    async () =>
      forEach(moving.length, async (number) => {
        const each = moving[number];
        if (each !== undefined) await api.create(migrations, newMigration(`queued-${each.name}`, each));
      }),
  );
  const before = controller.cpuSeconds();
  const startedAt = performance.now();
  await sleep(waitingMs);
  return {
    moves: moving.length,
    decidedMs: round(ms),
    cpuShareWhileWaiting: round(((controller.cpuSeconds() - before) / (performance.now() - startedAt)) * 1000),
  };
}
