// What all workloads have in common: a server in a container and a client program whose own count is the oracle.
import { nodeInHost } from '#hosts/paths.ts';
import type { Host } from '#hosts/host.ts';
import { awaitPort } from '#hosts/reachable.ts';
import { ClientProcess } from './client-process.ts';
import type { Progress, WorkloadReport } from './report.ts';

export type { Progress, Silence, WorkloadReport } from './report.ts';

export interface Workload {
  name: string;
  /** Image reference and command line of the server; an empty command line means the image's own. */
  image: string;
  args: readonly string[];
  port: number;
  /** About how much memory the server holds. */
  memoryBytes: number;
  /** Client program in `clients/`, and its numeric options with their defaults. */
  client: string;
  options: Readonly<Record<string, number>>;
}

export interface WorkloadRun {
  /** The client's last word on how far it is; one line a second. */
  progress(): Progress | undefined;
  /**
   * Resolves when the client has counted `operations` more than it had when this was called. ERR_DEADLINE after
   * `limitMs`.
   */
  more(operations: number, limitMs?: number): Promise<void>;
  /** Lets the client finish what is under way, and returns its count. May be called once. */
  stop(): Promise<WorkloadReport>;
}

/**
 * Starts the client of `workload` against `address` on host `client`; resolves when all its connections are
 * established.
 */
export async function startClient(
  workload: Workload,
  client: Host,
  address: string,
  options: Readonly<Record<string, number>> = {},
): Promise<WorkloadRun> {
  await awaitPort(client, address, workload.port);
  const program = `/opt/godwit/test-e2e/workloads/clients/${workload.client}.ts`;
  const child = client.spawn([
    nodeInHost,
    program,
    address,
    String(workload.port),
    JSON.stringify({ ...workload.options, ...options }),
  ]);
  const running = new ClientProcess(workload.client, child);
  await running.ready();
  return {
    progress: () => running.latest,
    more: async (operations, limitMs = 30_000) => await running.more(operations, limitMs),
    stop: async () => await running.stop(),
  };
}
