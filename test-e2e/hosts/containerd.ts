// containerd of a host: the stock daemon without its Kubernetes part, since containers are started with ctr.
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GodwitError } from '#core/errors.ts';
import { logFile, processOf, startProcess } from './daemons.ts';
import type { Host } from './host.ts';

const config = `version = 3
disabled_plugins = [
  'io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.images', 'io.containerd.cri.v1.runtime', 'io.containerd.podsandbox.controller.v1.podsandbox',
  'io.containerd.snapshotter.v1.blockfile', 'io.containerd.snapshotter.v1.btrfs', 'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.erofs', 'io.containerd.snapshotter.v1.zfs', 'io.containerd.nri.v1.nri', 'io.containerd.tracing.processor.v1.otlp',
]
`;

/** Starts containerd and resolves when its socket accepts connections. */
export async function startContainerd(host: Host): Promise<void> {
  const folder = path.join(host.root, 'etc/containerd');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'config.toml'), config);
  await startProcess(host, 'containerd', ['containerd', '--log-level', 'info']);
  const deadline = performance.now() + 30_000;
  while (!(await accepts(path.join(host.root, 'run/containerd/containerd.sock')))) {
    if (!(await processOf(host, 'containerd')))
      throw new GodwitError(
        'ERR_HOST_SETUP',
        `containerd ended on host ${host.name}; its log: ${logFile(host, 'containerd')}`,
      );
    if (performance.now() > deadline)
      throw new GodwitError('ERR_DEADLINE', `containerd did not listen within 30 s on host ${host.name}`);
    await sleep(10);
  }
}

async function accepts(socketPath: string): Promise<boolean> {
  const socket = createConnection(socketPath);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // Not there yet, or nobody listens: both mean "not ready".
  } finally {
    socket.destroy();
  }
}
