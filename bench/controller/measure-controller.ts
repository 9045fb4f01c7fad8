// The whole measurement: a control plane of its own, a large cluster in it, and the controller as it is shipped.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process, { stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createKubeApi } from '#core/kube/api.ts';
import { percentiles, round } from '../statistics.ts';
import { startControlPlane } from './control-plane.ts';
import { startControllerProcess } from './controller-process.ts';
import { measureGrowth, measureHeartbeats, measureQueue } from './crowds.ts';
import { measureDecisions } from './decisions.ts';
import { measureApi, startObserver } from './observer.ts';
import { populate, type Size } from './population.ts';

const binariesScript = fileURLToPath(new URL('../../test-e2e/cluster/binaries.sh', import.meta.url));
const apiRuns = 100;
const queuedMoves = 100;
const say = (text: string): void => void stderr.write(`${text}\n`);

/**
 * @param runs pods that are moved, and as many that are evicted: six events each. Nothing of it is left, whatever
 * happens.
 */
export async function measureController(size: Size, runs: number) {
  await using running = new AsyncDisposableStack();
  const over = new AbortController();
  running.defer(() => over.abort());
  const interrupted = (['SIGINT', 'SIGTERM'] as const).map(async (signal) => {
    await once(process, signal, { signal: over.signal });
    throw new Error(`ended by ${signal}`);
  });
  return await Promise.race([measure(size, runs, running), ...interrupted]);
}

async function measure(size: Size, runs: number, running: AsyncDisposableStack) {
  const folder = await mkdtemp(join(tmpdir(), 'godwit-bench-controller-'));
  running.defer(async () => rm(folder, { recursive: true, force: true }));
  const { stdout: binaries } = await promisify(execFile)(binariesScript);
  const { kubeconfig, connection } = running.use(await startControlPlane(binaries.trim(), folder));
  const api = createKubeApi(connection);

  say(`making ${size.nodes} nodes and ${size.pods} pods`);
  const startedAt = performance.now();
  const wanted = 2 * runs + queuedMoves + 1;
  const watched = await populate(api, size, wanted);
  const populatedMs = round(performance.now() - startedAt);
  const [last, ...pods] = watched;
  if (last === undefined || watched.length < wanted) throw new RangeError(`${runs} runs need ${wanted} pods`);

  const apiMs = await measureApi(api, connection, apiRuns);
  say('starting the controller');
  const controller = running.use(await startControllerProcess(kubeconfig, folder));
  const startUp = {
    ms: controller.startUpMs,
    cpuSeconds: controller.cpuSeconds(),
    memoryMiB: await controller.memoryMiB(),
  };
  say(`settled after ${startUp.ms.settled} ms`);
  const observer = running.use(await startObserver(api, connection));
  const cpuBefore = controller.cpuSeconds();
  const times = await measureDecisions(observer, pods.slice(0, runs), pods.slice(runs, 2 * runs));
  const cpuSeconds = controller.cpuSeconds() - cpuBefore;
  say('events measured');
  const growth = await measureGrowth(observer, last.owner);
  const heartbeats = await measureHeartbeats(observer, controller, size.nodes, last);
  const queue = await measureQueue(observer, controller, pods.slice(2 * runs));
  const all = Object.values(times).flat();
  return {
    nodes: size.nodes,
    pods: size.pods,
    populatedMs,
    startUp,
    eventToDecisionMs: {
      events: all.length,
      ...percentiles(all),
      cpuOfControllerPerEvent: round((cpuSeconds * 1000) / all.length),
      byKind: Object.fromEntries(Object.entries(times).map(([kind, values]) => [kind, percentiles(values)])),
    },
    apiServerMs: { put: percentiles(apiMs.put), putToWatch: percentiles(apiMs.putToWatch) },
    growth,
    heartbeats,
    queue,
    memoryMiB: await controller.memoryMiB(),
  };
}
