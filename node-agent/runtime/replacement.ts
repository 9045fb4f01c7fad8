// The container that takes over on a plain host: built by the agent, started by containerd, waiting in `create` for its
// handover.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerSpec } from '#core/wire/messages.ts';
import { knownOrUndefined, type Containerd, type ContainerdContainer } from '#agent/runtime/containerd.ts';
import { pidsWhere } from '#agent/runtime/command-lines.ts';
import { endContainer } from '#agent/runtime/end-container.ts';
import { annotations, parseOciSpec, withAnnotation } from '#agent/runtime/oci-spec.ts';

const pollMs = 20;
const specTypeUrl = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';

/** Key of the replacement's own layer. */
const snapshotKeyOf = (handover: string): string => `godwit-${handover}`;

/** Creates record and layer of the replacement; `removeReplacement` undoes it, also after a failure half way. */
export async function createReplacement(containerd: Containerd, spec: ContainerSpec, handover: string): Promise<void> {
  const snapshotKey = snapshotKeyOf(handover);
  await containerd.prepareSnapshot(spec.namespace, spec.snapshotter, snapshotKey, spec.parentSnapshot);
  await containerd.createContainer(spec.namespace, containerRecord(spec, snapshotKey, handover));
}

export interface ReplacementName {
  id: string;
  namespace: string;
  snapshotter: string;
}

/**
 * Undo of `createReplacement` and `startTask`; safe to run twice. A container of that id which is not the replacement
 * is not touched; resolves with whether there is none.
 */
export async function removeReplacement(
  containerd: Containerd,
  { id, namespace, snapshotter }: ReplacementName,
  handover: string,
): Promise<boolean> {
  const snapshotKey = snapshotKeyOf(handover);
  const record = await knownOrUndefined(containerd.container(namespace, id));
  if (record?.snapshot_key === snapshotKey) await endContainer(containerd, namespace, id);
  await knownOrUndefined(containerd.removeSnapshot(namespace, snapshotter, snapshotKey));
  return record === undefined || record.snapshot_key === snapshotKey;
}

/** From now on a restart of the container is an ordinary one. */
export async function forgetHandover(
  containerd: Containerd,
  { id, namespace }: { id: string; namespace: string },
): Promise<void> {
  const record = await knownOrUndefined(containerd.container(namespace, id));
  if (record === undefined) return; // ended and removed since
  const oci = withAnnotation(parseOciSpec(record.spec.value.toString('utf8')), annotations.handover, undefined);
  await containerd.updateSpec(namespace, {
    ...record,
    spec: { ...record.spec, value: Buffer.from(JSON.stringify(oci)) },
  });
}

/**
 * Starts the replacement's task through `ctr`, as a process that outlives the agent: an agent that dies must not take
 * containerd's `create` with it. Resolves with ctr's exit status.
 */
export function startTask(spec: ContainerSpec, containerdSocket: string, logDirectory: string): Promise<number> {
  const output = openSync(join(logDirectory, 'ctr.log'), 'a', 0o600);
  const child = spawn(
    'ctr',
    [
      '--address',
      containerdSocket,
      '--namespace',
      spec.namespace,
      'tasks',
      'start',
      '--detach',
      ...ioOptions(spec),
      spec.id,
    ],
    {
      detached: true,
      stdio: ['ignore', output, output],
    },
  );
  closeSync(output);
  const { promise, resolve } = Promise.withResolvers<number>();
  child.once('error', () => resolve(127));
  child.once('exit', (code) => resolve(code ?? 128));
  return promise;
}

/** The end of what ctr said. */
export function startLog(logDirectory: string): string {
  const said = readFileSync(join(logDirectory, 'ctr.log'), 'utf8').trim().slice(-500);
  return said === '' ? 'it gave no reason' : said;
}

/** Resolves when no `ctr` of a former agent starts the container any more. */
export async function untilNotStarting(id: string): Promise<void> {
  while (pidsWhere((args) => args.includes('tasks') && args.includes('start') && args.includes(id)).length > 0)
    await sleep(pollMs);
}

/** The replacement's output goes where the source's went, on its own node. */
function ioOptions({ stdio }: ContainerSpec): string[] {
  if (!stdio.stdout.startsWith('file://')) return ['--null-io'];
  mkdirSync(dirname(new URL(stdio.stdout).pathname), { recursive: true });
  return ['--log-uri', stdio.stdout];
}

function containerRecord(spec: ContainerSpec, snapshotKey: string, handover: string): ContainerdContainer {
  const oci = withAnnotation(parseOciSpec(spec.spec), annotations.handover, handover);
  const options =
    spec.runtimeOptions === undefined
      ? null
      : { type_url: spec.runtimeOptions.typeUrl, value: Buffer.from(spec.runtimeOptions.value, 'base64') };
  return {
    id: spec.id,
    labels: spec.labels,
    image: spec.image,
    runtime: { name: spec.runtime, options },
    spec: { type_url: specTypeUrl, value: Buffer.from(JSON.stringify(oci)) },
    snapshotter: spec.snapshotter,
    snapshot_key: snapshotKey,
  };
}
