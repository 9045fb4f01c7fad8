// containerd's API on plain hosts: what a container is made of, a copy of it elsewhere, and its end.
import { credentials, Client, Metadata, status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';

const callLimitMs = 10_000;

const anySchema = z.object({ type_url: z.string(), value: z.instanceof(Buffer) });
const containerSchema = z.object({
  id: z.string(),
  labels: z.record(z.string(), z.string()),
  image: z.string(),
  runtime: z.object({ name: z.string(), options: anySchema.nullable() }),
  spec: anySchema,
  snapshotter: z.string(),
  snapshot_key: z.string(),
});
export type ContainerdContainer = z.infer<typeof containerSchema>;
const mountsSchema = z.object({
  mounts: z.array(z.object({ type: z.string(), source: z.string(), options: z.array(z.string()) })),
});
const taskSchema = z.object({
  process: z.object({
    pid: z.number(),
    status: z.number(),
    stdin: z.string(),
    stdout: z.string(),
    stderr: z.string(),
    terminal: z.boolean(),
  }),
});
export type ContainerdTask = z.infer<typeof taskSchema>['process'];
/** containerd's task states. */
export const taskStatus = { created: 1, running: 2, stopped: 3, paused: 4 } as const;

const definitions = loadSync(new URL('containerd.proto', import.meta.url).pathname, {
  keepCase: true,
  longs: Number,
  enums: Number,
  defaults: true,
});

interface MessageCodec {
  serialize(value: object): Buffer;
  deserialize(bytes: Buffer): object;
}
const codecSchema = z.looseObject({
  type: z.looseObject({ name: z.string() }),
  serialize: z.custom<MessageCodec['serialize']>((value) => typeof value === 'function'),
  deserialize: z.custom<MessageCodec['deserialize']>((value) => typeof value === 'function'),
});
function codec(message: string): MessageCodec {
  return codecSchema.parse(definitions[`godwit.${message}`]);
}

/** One containerd; every call rejects with ERR_CONTAINERD (NOT_FOUND as ERR_CONTAINER_UNKNOWN) and has a deadline. */
export class Containerd {
  readonly #client: Client;

  constructor(socket: string) {
    this.#client = new Client(`unix://${socket}`, credentials.createInsecure());
  }

  close(): void {
    this.#client.close();
  }

  async container(namespace: string, id: string): Promise<ContainerdContainer> {
    const answer = await this.#call(
      namespace,
      'containers.v1.Containers/Get',
      'GetContainerRequest',
      { id },
      'ContainerMessage',
    );
    return z.object({ container: containerSchema }).parse(answer).container;
  }

  async createContainer(namespace: string, container: ContainerdContainer): Promise<void> {
    await this.#call(
      namespace,
      'containers.v1.Containers/Create',
      'ContainerMessage',
      { container },
      'ContainerMessage',
    );
  }

  async updateSpec(namespace: string, container: ContainerdContainer): Promise<void> {
    const request = { container, update_mask: { paths: ['spec'] } };
    await this.#call(
      namespace,
      'containers.v1.Containers/Update',
      'UpdateContainerRequest',
      request,
      'ContainerMessage',
    );
  }

  async deleteContainer(namespace: string, id: string): Promise<void> {
    await this.#call(namespace, 'containers.v1.Containers/Delete', 'DeleteContainerRequest', { id }, 'Empty');
  }

  /** Makes a writable layer on `parent`; kept from garbage collection until its container refers to it. */
  async prepareSnapshot(namespace: string, snapshotter: string, key: string, parent: string): Promise<void> {
    const labels = { 'containerd.io/gc.root': new Date().toISOString() };
    await this.#call(
      namespace,
      'snapshots.v1.Snapshots/Prepare',
      'PrepareSnapshotRequest',
      { snapshotter, key, parent, labels },
      'MountsResponse',
    );
  }

  async snapshotParent(namespace: string, snapshotter: string, key: string): Promise<string> {
    const answer = await this.#call(
      namespace,
      'snapshots.v1.Snapshots/Stat',
      'SnapshotRequest',
      { snapshotter, key },
      'StatSnapshotResponse',
    );
    return z.object({ info: z.object({ parent: z.string() }) }).parse(answer).info.parent;
  }

  async snapshotMounts(namespace: string, snapshotter: string, key: string) {
    const answer = await this.#call(
      namespace,
      'snapshots.v1.Snapshots/Mounts',
      'SnapshotRequest',
      { snapshotter, key },
      'MountsResponse',
    );
    return mountsSchema.parse(answer).mounts;
  }

  async removeSnapshot(namespace: string, snapshotter: string, key: string): Promise<void> {
    await this.#call(namespace, 'snapshots.v1.Snapshots/Remove', 'SnapshotRequest', { snapshotter, key }, 'Empty');
  }

  async task(namespace: string, id: string): Promise<ContainerdTask> {
    const answer = await this.#call(
      namespace,
      'tasks.v1.Tasks/Get',
      'TaskRequest',
      { container_id: id },
      'GetTaskResponse',
    );
    return taskSchema.parse(answer).process;
  }

  async killTask(namespace: string, id: string, signal: number): Promise<void> {
    await this.#call(namespace, 'tasks.v1.Tasks/Kill', 'KillRequest', { container_id: id, signal, all: true }, 'Empty');
  }

  async deleteTask(namespace: string, id: string): Promise<void> {
    await this.#call(namespace, 'tasks.v1.Tasks/Delete', 'TaskRequest', { container_id: id }, 'Empty');
  }

  #call(namespace: string, method: string, requestType: string, request: object, replyType: string): Promise<object> {
    const metadata = new Metadata();
    metadata.set('containerd-namespace', namespace);
    const { serialize } = codec(requestType);
    const { deserialize } = codec(replyType);
    const { promise, resolve, reject } = Promise.withResolvers<object>();
    this.#client.makeUnaryRequest(
      `/containerd.services.${method}`,
      serialize,
      deserialize,
      request,
      metadata,
      { deadline: Date.now() + callLimitMs },
      (error, reply) => {
        if (error !== null) reject(containerdError(error, method));
        else resolve(reply ?? {});
      },
    );
    return promise;
  }
}

function containerdError(error: ServiceError, method: string): GodwitError {
  const code = error.code === grpcStatus.NOT_FOUND ? 'ERR_CONTAINER_UNKNOWN' : 'ERR_CONTAINERD';
  return new GodwitError(code, `containerd ${method}: ${error.details}`, { cause: error });
}

/** What containerd answered; undefined when it knows no such thing. */
export async function knownOrUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof GodwitError && error.code === 'ERR_CONTAINER_UNKNOWN') return undefined;
    throw error;
  }
}
