// The stable networks of this node, from its CNI configuration directory and from what the runtime sent.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno } from '#core/errno.ts';
import { z } from 'zod';
import type { Log } from '#core/log.ts';
import { parseNetwork, type Network } from './network-config.ts';

const listSchema = z.object({
  cniVersion: z.string().optional(),
  name: z.string(),
  plugins: z.array(z.looseObject({ type: z.string() })),
});
const singleSchema = z.looseObject({ type: z.string() });

/**
 * Networks of type `godwit` by name. Files that are not for us are left alone; one that is but is wrong is logged and
 * left out.
 */
export async function readNetworks(dir: string, log: Log): Promise<Map<string, Network>> {
  const networks = new Map<string, Network>();
  for (const name of await configFiles(dir)) {
    try {
      for (const plugin of pluginsOf(JSON.parse(await readFile(join(dir, name), 'utf8')))) {
        const network = parseNetwork(plugin);
        if (!networks.has(network.name)) networks.set(network.name, network);
      }
    } catch (error) {
      log.warn({ err: error, file: name }, 'network configuration not read');
    }
  }
  return networks;
}

async function configFiles(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).filter((name) => name.endsWith('.conf') || name.endsWith('.conflist')).sort();
  } catch (error) {
    if (hasErrno(error, ['ENOENT'])) return [];
    throw error;
  }
}

function pluginsOf(json: unknown): unknown[] {
  const list = listSchema.safeParse(json);
  if (list.success) {
    const { name, cniVersion = '0.4.0', plugins } = list.data;
    return plugins.filter(({ type }) => type === 'godwit').map((plugin) => Object.assign(plugin, { name, cniVersion }));
  }
  const single = singleSchema.safeParse(json);
  return single.success && single.data.type === 'godwit' ? [single.data] : [];
}
