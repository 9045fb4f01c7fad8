// A container that holds chosen features of the kernel (features/*.py) and says over a stable connection whether they
// still work.
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import { awaitPort } from '#hosts/reachable.ts';
import type { Host } from '#hosts/host.ts';
import type { Pair } from '#pair/pair.ts';
import { startStable, type StableOptions } from '#pair/stable-container.ts';
import { images } from './images.ts';
import { connectLines } from './line-process.ts';

const port = 7000;
const answerSchema = z.union([z.strictObject({ ok: z.unknown() }), z.strictObject({ fault: z.string() })]);

export interface FeatureContainer {
  id: string;
  address: string;
  /** Calls a method of a feature in the container; throws what it threw. */
  call(feature: string, method?: string, ...options: readonly string[]): Promise<unknown>;
  /** What each feature's own check says: undefined where it works. */
  faults(): Promise<Record<string, string>>;
  remove(host: Host): Promise<void>;
}

/** Starts a container named `name` whose first process sets up the features in order; resolves when all are set up. */
export async function startFeatures(
  pair: Pair,
  host: Host,
  features: readonly string[],
  address: string,
  options: StableOptions = {},
): Promise<FeatureContainer> {
  const args = ['python3', '-u', '/features/server.py', String(port), ...features];
  const workload = { name: 'features', image: images.python, args, port, memoryBytes: 0, client: '', options: {} };
  const programs = { source: '/opt/godwit/test-e2e/workloads/features', target: '/features', readOnly: true };
  const container = await startStable(pair, host, workload, address, {
    ...options,
    mounts: [programs, ...(options.mounts ?? [])],
    env: { PYTHONDONTWRITEBYTECODE: '1', FEATURE_CLIENT: pair.hosts.clientAddress, ...options.env },
  });
  await awaitPort(pair.hosts.client, address, port);
  const connection = connectLines(pair.hosts.client, address, port);
  const call: FeatureContainer['call'] = async (feature, method = 'check', ...more) => {
    const answer = answerSchema.parse(JSON.parse(await connection.ask([feature, method, ...more].join(' '))));
    if ('fault' in answer) throw new GodwitError('ERR_HOST_COMMAND', answer.fault);
    return answer.ok;
  };
  return {
    id: container.id,
    address,
    call,
    async faults() {
      const found: Record<string, string> = {};
      for (const feature of features) {
        await call(feature).catch((error: Error) => {
          found[feature] = error.message;
        });
      }
      return found;
    },
    async remove(where) {
      connection.close();
      await container.remove(where);
    },
  };
}
