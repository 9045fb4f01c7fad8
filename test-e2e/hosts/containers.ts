// Containers on a host, started with ctr as a user without Kubernetes would do it.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Containerd } from '#agent/runtime/containerd.ts';
import { GodwitError } from '#core/errors.ts';
import type { Host } from './host.ts';

export interface ContainerOptions {
  id: string;
  image: string;
  /** Command line instead of the image's own. */
  args?: readonly string[];
  /** Name of a network namespace made with `ip netns add` on the host; without one the container gets an empty one. */
  netns?: string;
  /** Bind mounts of plain directories of the host. */
  mounts?: readonly { source: string; target: string; readOnly?: boolean }[];
  annotations?: Readonly<Record<string, string>>;
  env?: Readonly<Record<string, string>>;
  /**
   * containerd's default seccomp profile, as Kubernetes' RuntimeDefault; it denies io_uring, which CRIU cannot dump.
   * @default true
   */
  seccomp?: boolean;
  /** Further flags of `ctr run`, e.g. `['--cap-add', 'CAP_NET_RAW']`. */
  flags?: readonly string[];
  /** @default /usr/local/bin/godwit-runc */
  runcBinary?: string;
  /** @default default */
  namespace?: string;
  /** Limit of open files, which ctr cannot set. @default 1024 */
  openFiles?: number;
  /** @default 60000 */
  timeoutMs?: number;
}

/** Where containers log, on the host. */
export function containerLog(id: string): string {
  return path.join('/var/lib/godwit/container-logs', `${id}.log`);
}

/**
 * Starts a container and returns its process as seen on the host; ERR_HOST_COMMAND with ctr's words if it fails.
 * Its output goes to `containerLog`. Source and target of a handover must use the same kind of output: a process that
 * was restored with pipes where the new container has /dev/null, or the reverse, runs but cannot be dumped again.
 */
export async function runContainer(host: Host, options: ContainerOptions): Promise<number> {
  const {
    id,
    image,
    args = [],
    namespace = 'default',
    runcBinary = '/usr/local/bin/godwit-runc',
    seccomp = true,
    timeoutMs = 60_000,
  } = options;
  const log = containerLog(id);
  await host.must(['mkdir', '-p', path.dirname(log)]);
  const pidFile = `/run/container-${id}.pid`;
  const start = ['--detach', `--log-uri=file://${log}`, `--pid-file=${pidFile}`];
  const flags = [
    `--runc-binary=${runcBinary}`,
    ...(seccomp ? ['--seccomp'] : []),
    ...(options.flags ?? []),
    ...(options.netns === undefined ? [] : ['--with-ns', `network:/run/netns/${options.netns}`]),
    ...(options.mounts ?? []).flatMap(({ source, target, readOnly }) => [
      '--mount',
      `type=bind,src=${source},dst=${target},options=rbind:${readOnly ? 'ro' : 'rw'}`,
    ]),
    ...Object.entries(options.annotations ?? {}).flatMap(([key, value]) => ['--annotation', `${key}=${value}`]),
    ...Object.entries(options.env ?? {}).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
  ];
  // The machine's unified hierarchy has no cpu controller; `create` asks for no shares, and knows no such flag.
  const shares = host.cgroups === 'v2' ? ['--cpu-shares=0'] : [];
  const ctr = ['ctr', '--namespace', namespace];
  if (options.openFiles === undefined) {
    await host.must([...ctr, 'run', ...start, ...shares, ...flags, image, id, ...args], { timeoutMs });
  } else {
    await host.must([...ctr, 'containers', 'create', ...flags, image, id, ...args], { timeoutMs });
    await limitOpenFiles(host, namespace, id, options.openFiles);
    await host.must([...ctr, 'tasks', 'start', ...start, id], { timeoutMs });
  }
  return Number(await host.must(['cat', pidFile]));
}

/** Changes the record of a container that was not started yet. */
async function limitOpenFiles(host: Host, namespace: string, id: string, limit: number): Promise<void> {
  const containerd = new Containerd(path.join(host.root, 'run/containerd/containerd.sock'));
  try {
    const record = await containerd.container(namespace, id);
    const spec = JSON.parse(record.spec.value.toString('utf8'));
    spec.process.rlimits = [{ type: 'RLIMIT_NOFILE', hard: limit, soft: limit }];
    await containerd.updateSpec(namespace, {
      ...record,
      spec: { ...record.spec, value: Buffer.from(JSON.stringify(spec)) },
    });
  } finally {
    containerd.close();
  }
}

/** State of the container's task in containerd's words (`RUNNING`, `STOPPED`); undefined when it has none. */
export async function taskStatus(host: Host, id: string, namespace = 'default'): Promise<string | undefined> {
  const table = await host.must(['ctr', '--namespace', namespace, 'tasks', 'list']);
  const row = table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(([task]) => task === id);
  return row?.[2];
}

/**
 * Freezes the container's task. runc gives up after a while on a busy machine with cgroup v1 ("unable to freeze"), so
 * it is told again.
 */
export async function pauseContainer(host: Host, id: string, namespace = 'default', tries = 10): Promise<void> {
  const pause = ['ctr', '--namespace', namespace, 'tasks', 'pause', id];
  for (let tried = 1; tried < tries; tried += 1) if ((await host.exec(pause)).code === 0) return;
  await host.must(pause);
}

/** Ends and deletes the container and its task, whatever state they are in. Safe to call when there is none. */
export async function removeContainer(host: Host, id: string, namespace = 'default'): Promise<void> {
  const ctr = ['ctr', '--namespace', namespace];
  if ((await taskStatus(host, id, namespace)) !== undefined) {
    await host.exec([...ctr, 'tasks', 'kill', '--signal', 'SIGKILL', id]);
    await awaitStatus(host, id, 'STOPPED', namespace);
    await host.exec([...ctr, 'tasks', 'delete', id]);
  }
  const ids = (await host.must([...ctr, 'containers', 'list', '--quiet'])).split('\n');
  if (ids.includes(id)) await host.must([...ctr, 'containers', 'delete', id]);
}

/** Waits until the task has that status; ERR_DEADLINE after `limitMs`. */
export async function awaitStatus(
  host: Host,
  id: string,
  status: string,
  namespace = 'default',
  limitMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const now = await taskStatus(host, id, namespace);
    if (now === status) return;
    if (performance.now() > deadline)
      throw new GodwitError(
        'ERR_DEADLINE',
        `task ${id} on host ${host.name} is ${now ?? 'absent'}, not ${status}, after ${limitMs} ms`,
      );
    await sleep(20);
  }
}
