// Puts an animal of the zoo into a container with a stable address, and asks its visitors how it is.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { containerLog } from '#hosts/containers.ts';
import type { Host } from '#hosts/host.ts';
import { awaitPort } from '#hosts/reachable.ts';
import type { Pair } from '#pair/pair.ts';
import { startStable } from '#pair/stable-container.ts';
import { LineProcess } from '#workloads/line-process.ts';
import type { Animal } from './animals.ts';
import { zooImage } from './image.ts';

const folder = '/opt/godwit/test-e2e/workloads/zoo';
/** More than a visitor waits before it says what is missing. */
const answerLimitMs = 250_000;
const answerSchema = z.strictObject({ done: z.number(), faults: z.array(z.string()) });

export interface Specimen {
  id: string;
  /** What its visitors complain of, each of whom has worked with it since this was called; empty when it is well. */
  faults(): Promise<string[]>;
  /** The end of what it has written to its log on `host`. */
  said(host: Host): Promise<string>;
  /** Sends the visitors home and removes it from `host`, where it is now. */
  remove(host: Host): Promise<void>;
}

/** Starts it as `user` on `host`; resolves when its visitors have come. */
export async function keep(pair: Pair, host: Host, animal: Animal, user: string, address: string): Promise<Specimen> {
  const { name, command, port, env = {}, openFiles } = animal;
  const workload = { name: 'animal', image: zooImage, args: command, port, memoryBytes: 0, client: '', options: {} };
  const container = await startStable(pair, host, workload, address, {
    mounts: [{ source: `${folder}/programs`, target: '/zoo', readOnly: true }],
    env: { PYTHONDONTWRITEBYTECODE: '1', ...env },
    flags: ['--user', user === '10001' ? '10001:10001' : user],
    ...(openFiles === undefined ? {} : { openFiles }),
  });
  const said = async (where: Host) =>
    (await readFile(path.join(where.root, containerLog(container.id)), 'utf8').catch(() => '')).slice(-2000);
  await awaitPort(pair.hosts.client, address, port).catch(async (cause: unknown) => {
    throw new Error(`${name} as ${user} does not listen; it said: ${await said(host)}`, { cause });
  });
  const [kind, count, ...more] = animal.visitors;
  const argv = [
    'python3',
    '-B',
    '-u',
    `${folder}/visitors/visit.py`,
    kind,
    String(count),
    address,
    String(port),
    ...more,
  ];
  const visitors = new LineProcess(`the visitors of ${name}`, pair.hosts.client.spawn(argv));
  return {
    id: container.id,
    faults: async () => answerSchema.parse(JSON.parse(await visitors.ask('', answerLimitMs))).faults,
    said,
    async remove(where) {
      visitors.close();
      await container.remove(where);
    },
  };
}
