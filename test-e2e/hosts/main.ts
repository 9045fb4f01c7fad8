// Command line of the test hosts: up, down, exec, so that people and scripts can use a set without writing a test.
import { spawnSync } from 'node:child_process';
import { GodwitError } from '#core/errors.ts';
import { entering, hostEnvironment, type Host } from './host.ts';
import { downHosts, openHosts, upHosts, type HostSet } from './hosts.ts';

const usage = `usage: main.ts up NAME [third] | down NAME | show NAME | exec NAME a|b|c|client|switch COMMAND...`;

function hostOf(set: HostSet, name: string): Host {
  const host = [...set.nodes, set.client, set.switch].find((one) => one.name === name);
  if (!host) throw new GodwitError('ERR_CONFIG_INVALID', `set ${set.name} has no host ${name}`);
  return host;
}

function describe(set: HostSet): string {
  const nodes = set.nodes.map(
    (host) =>
      `${host.name}: pid ${host.pid}, mgmt ${host.mgmtAddress}, uplink ${host.dataUplink}, files ${host.directory}`,
  );
  return [...nodes, `client: pid ${set.client.pid}, data ${set.clientAddress} of ${set.dataSubnet}`].join('\n');
}

async function opened(name: string): Promise<HostSet> {
  const set = await openHosts(name);
  if (!set) throw new GodwitError('ERR_CONFIG_INVALID', `there are no hosts ${name}`);
  return set;
}

async function main([verb, name, ...rest]: readonly string[]): Promise<number> {
  if (verb === undefined || name === undefined) throw new GodwitError('ERR_CONFIG_INVALID', usage);
  switch (verb) {
    case 'up':
      console.log(describe(await upHosts({ name, third: rest[0] === 'third', stay: true })));
      return 0;
    case 'show':
      console.log(describe(await opened(name)));
      return 0;
    case 'down':
      await downHosts(name);
      return 0;
    case 'exec': {
      const [which = '', ...argv] = rest;
      const [file, ...args] = entering(hostOf(await opened(name), which).pid, argv);
      return (
        spawnSync(file, args, { stdio: 'inherit', env: { ...hostEnvironment, TERM: process.env['TERM'] } }).status ?? 1
      );
    }
    default:
      throw new GodwitError('ERR_CONFIG_INVALID', usage);
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof GodwitError ? `${error.message}\n${error.remedy}` : error);
  process.exitCode = 1;
}
