// A running container on a plain host, as the source of a handover sees it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GodwitError } from '#core/errors.ts';
import type { ContainerSpec } from '#core/wire/messages.ts';
import type { FileRoot } from '#agent/files/port.ts';
import { knownOrUndefined, taskStatus, type Containerd } from '#agent/runtime/containerd.ts';
import { endContainer } from '#agent/runtime/end-container.ts';
import { namespaceOf, type Registration } from '#agent/runtime/container-registry.ts';
import { freezeCgroup, isCgroupFrozen, thawCgroup } from '#agent/runtime/freezer.ts';
import {
  networkNamespace,
  parseOciSpec,
  writableBindMounts,
  type BindMount,
  type OciSpec,
} from '#agent/runtime/oci-spec.ts';
import { readRuncState, type RuncState } from '#agent/runtime/runc-state.ts';

export interface ContainerFacts {
  spec: ContainerSpec;
  oci: OciSpec;
  state: RuncState;
  bindMounts: BindMount[];
  /** The container's own layer first, then the directories that move with it. */
  roots: FileRoot[];
}

export class SourceContainer {
  readonly #containerd: Containerd;
  readonly registration: Registration;
  readonly #namespace: string;

  constructor(containerd: Containerd, registration: Registration) {
    this.#containerd = containerd;
    this.registration = registration;
    this.#namespace = namespaceOf(registration);
  }

  /** Reads all that the target needs to build the replacement; throws ERR_CONTAINER_UNKNOWN. */
  async facts(): Promise<ContainerFacts> {
    const { id, root } = this.registration;
    const record = await this.#containerd.container(this.#namespace, id);
    const task = await this.#containerd.task(this.#namespace, id);
    if (task.status !== taskStatus.running && task.status !== taskStatus.paused)
      throw new GodwitError('ERR_CONTAINER_UNKNOWN', `container ${id} is not running`);
    const json = record.spec.value.toString('utf8');
    const oci = parseOciSpec(json);
    const bindMounts = writableBindMounts(oci);
    const netns = networkNamespace(oci);
    const options = record.runtime.options;
    return {
      oci,
      bindMounts,
      state: readRuncState(root, id),
      roots: [
        { kind: 'overlay-upper', path: await this.#upperDirectory(record.snapshotter, record.snapshot_key) },
        ...bindMounts
          .filter(({ fate }) => fate === 'moved')
          .map(({ source }) => ({ kind: 'directory', path: source }) as const),
      ],
      spec: {
        id,
        namespace: this.#namespace,
        image: record.image,
        parentSnapshot: await this.#containerd.snapshotParent(this.#namespace, record.snapshotter, record.snapshot_key),
        snapshotter: record.snapshotter,
        runtime: record.runtime.name,
        ...(options === null
          ? {}
          : { runtimeOptions: { typeUrl: options.type_url, value: options.value.toString('base64') } }),
        labels: record.labels,
        spec: json,
        stdio: { stdin: task.stdin, stdout: task.stdout, stderr: task.stderr },
        ...(netns === undefined ? {} : { netns }),
      },
    };
  }

  async freeze(state: RuncState, limitMs: number): Promise<void> {
    await freezeCgroup(state.freezerCgroup, state.cgroupVersion, limitMs);
  }

  thaw(state: RuncState): void {
    thawCgroup(state.freezerCgroup, state.cgroupVersion);
  }

  isFrozen(state: RuncState): boolean {
    return isCgroupFrozen(state.freezerCgroup, state.cgroupVersion);
  }

  /** Ends what is left of the container after its handover: task, record and layer. Safe to run twice. */
  async remove(): Promise<void> {
    const { id } = this.registration;
    const record = await knownOrUndefined(this.#containerd.container(this.#namespace, id));
    await endContainer(this.#containerd, this.#namespace, id);
    if (record !== undefined)
      await knownOrUndefined(this.#containerd.removeSnapshot(this.#namespace, record.snapshotter, record.snapshot_key));
  }

  async #upperDirectory(snapshotter: string, key: string): Promise<string> {
    const mounts = await this.#containerd.snapshotMounts(this.#namespace, snapshotter, key);
    const upper = mounts.flatMap(({ options }) => options).find((option) => option.startsWith('upperdir='));
    if (upper === undefined)
      throw new GodwitError('ERR_SNAPSHOTTER', `snapshotter ${snapshotter} gives no overlay with an upper directory`);
    return upper.slice('upperdir='.length);
  }
}

/** All processes in the container's freezer cgroup. */
export function processesOf(state: RuncState): number[] {
  return readFileSync(join(state.freezerCgroup, 'cgroup.procs'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}
