// The container that takes over on a plain host: built by the agent, started by containerd, waiting in `create` for its handover.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ContainerSpec } from '#core/wire/messages.ts';
import { newSnapshotKey, type Containerd, type ContainerdContainer } from '#agent/runtime/containerd.ts';
import { annotations, parseOciSpec, withAnnotation } from '#agent/runtime/oci-spec.ts';

const specTypeUrl = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';

/** Creates record and layer of the replacement; the caller undoes it with `SourceContainer.remove`. */
export async function createReplacement(containerd: Containerd, spec: ContainerSpec, handover: string): Promise<void> {
  const snapshotKey = newSnapshotKey(spec.id);
  await containerd.prepareSnapshot(spec.namespace, spec.snapshotter, snapshotKey, spec.parentSnapshot);
  const record = containerRecord(spec, snapshotKey, handover);
  try {
    await containerd.createContainer(spec.namespace, record);
  } catch (error) {
    await containerd.removeSnapshot(spec.namespace, spec.snapshotter, snapshotKey);
    throw error;
  }
}

/** From now on a restart of the container is an ordinary one. */
export async function forgetHandover(containerd: Containerd, { id, namespace }: { id: string; namespace: string }): Promise<void> {
  const record = await containerd.container(namespace, id);
  const oci = withAnnotation(parseOciSpec(record.spec.value.toString('utf8')), annotations.handover, undefined);
  await containerd.updateSpec(namespace, { ...record, spec: { ...record.spec, value: Buffer.from(JSON.stringify(oci)) } });
}

/**
 * Starts the replacement's task through `ctr`, as a process that outlives the agent: an agent that dies must not take
 * containerd's `create` with it. Resolves with ctr's exit status.
 */
export function startTask(spec: ContainerSpec, containerdSocket: string, logDirectory: string): Promise<number> {
  const output = openSync(join(logDirectory, 'ctr.log'), 'a', 0o600);
  const child = spawn('ctr', ['--address', containerdSocket, '--namespace', spec.namespace, 'tasks', 'start', '--detach', ...ioOptions(spec), spec.id], {
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const { promise, resolve } = Promise.withResolvers<number>();
  child.once('error', () => resolve(127));
  child.once('exit', (code) => resolve(code ?? 128));
  return promise;
}

/** The replacement's output goes where the source's went, on its own node. */
function ioOptions({ stdio }: ContainerSpec): string[] {
  if (!stdio.stdout.startsWith('file://')) return ['--null-io'];
  mkdirSync(dirname(new URL(stdio.stdout).pathname), { recursive: true });
  return ['--log-uri', stdio.stdout];
}

function containerRecord(spec: ContainerSpec, snapshotKey: string, handover: string): ContainerdContainer {
  const oci = withAnnotation(parseOciSpec(spec.spec), annotations.handover, handover);
  const options = spec.runtimeOptions === undefined ? null : { type_url: spec.runtimeOptions.typeUrl, value: Buffer.from(spec.runtimeOptions.value, 'base64') };
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
