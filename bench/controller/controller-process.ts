// The controller as a process of its own, and what it says about itself on /metrics.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { systemNamespace } from '#core/api/names.ts';
import { freePorts } from './control-plane.ts';
import { startDaemon, type Daemon } from './daemon.ts';
import { waitFor } from './wait-for.ts';
import { round } from '../statistics.ts';

const program = fileURLToPath(new URL('../../controller/main.ts', import.meta.url));
const limitMs = 300_000;
const mebi = 2 ** 20;

export interface ControllerProcess extends AsyncDisposable {
  /**
   * From the start of the process, ms: its caches are full and it answers; it leads; it has looked at everything that
   * was there.
   */
  startUpMs: { ready: number; leading: number; settled: number };
  /** Since its start, of all its threads. */
  cpuSeconds(): number;
  memoryMiB(): Promise<{ resident: number; residentPeak: number; heapTotal: number; heapUsed: number }>;
}

/** Resolves when it has nothing left to look at. */
export async function startControllerProcess(kubeconfig: string, folder: string): Promise<ControllerProcess> {
  const [webhookPort, healthPort] = await freePorts(2);
  const startedAt = performance.now();
  const since = (): number => round(performance.now() - startedAt);
  const daemon = await startDaemon(
    process.execPath,
    [
      program,
      '--kubeconfig',
      kubeconfig,
      '--namespace',
      systemNamespace,
      '--webhook-port',
      String(webhookPort),
      '--health-port',
      String(healthPort),
    ],
    join(folder, 'controller.log'),
  );
  await using starting = new AsyncDisposableStack();
  starting.use(daemon);
  const ask = async (page: string): Promise<string> =>
    (await fetch(`http://localhost:${healthPort}/${page}`, { signal: AbortSignal.timeout(10_000) })).text();
  await daemon.serves(async () => (await ask('readyz')) === 'ok\n', limitMs);
  const ready = since();
  const leading = await waitFor(
    'leadership',
    async () => (valuesOf(await ask('metrics'), 'godwit_leader').includes(1) ? since() : undefined),
    limitMs,
  );
  const settled = await waitFor(
    'empty queues',
    async () =>
      valuesOf(await ask('metrics'), 'godwit_queue_depth').every((depth) => depth === 0) ? since() : undefined,
    limitMs,
  );
  starting.move();
  return {
    startUpMs: { ready, leading, settled },
    cpuSeconds: () => cpuSeconds(daemon),
    async memoryMiB() {
      const text = await ask('metrics');
      const inMebi = (name: string): number => round(valueOf(text, name) / mebi);
      return {
        resident: inMebi('process_resident_memory_bytes'),
        residentPeak: peakMiB(daemon),
        heapTotal: inMebi('nodejs_heap_size_total_bytes'),
        heapUsed: inMebi('nodejs_heap_size_used_bytes'),
      };
    },
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}

/** Of a metric in Prometheus' text format, all series. */
function valuesOf(text: string, metric: string): number[] {
  return [...text.matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].map(([, value]) => Number(value));
}

function valueOf(text: string, metric: string): number {
  const [value] = valuesOf(text, metric);
  if (value === undefined) throw new Error(`the controller does not tell ${metric}`);
  return value;
}

/** Nanoseconds on a CPU are the first number of each thread's schedstat. */
function cpuSeconds({ pid }: Daemon): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return round(threads.reduce((sum, each) => sum + each, 0) / 1e9);
}

function peakMiB({ pid }: Daemon): number {
  return round(Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
}
