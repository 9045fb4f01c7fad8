// Two (or three) hosts with a Godwit agent each: certificates, configuration, a stable network, running agents.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlClient, type ControlClient } from '#cli/control-client.ts';
import { createAuthority, issueNodeCertificate, validFor, type CertificatePair } from '#core/certificates.ts';
import { GodwitError } from '#core/errors.ts';
import { killHard, logFile, startProcess, stopProcess } from '#hosts/daemons.ts';
import type { Host } from '#hosts/host.ts';
import { upHosts, type HostSet, type UpOptions } from '#hosts/hosts.ts';
import { nodeInHost } from '#hosts/paths.ts';

/** The agents' program as users run it, for what is measured. */
export const productAgent = 'node-agent/main.ts';

/** Name of the stable network that every host of a pair has. */
export const stableNetwork = 'stable';
const peerPort = 7411;
/** The witness of memory reads all of it at once, and the agent does nothing else meanwhile. */
const oracleMs = 60_000;
const startLimitMs = 60_000;

export interface PairOptions extends UpOptions {
  /** Fields of the agents' configuration that differ from the defaults, e.g. shorter deadlines. */
  agent?: Record<string, unknown>;
  /** Whether the agents can hand over to themselves, and to nobody else. Needs the faulty agent. @default false */
  inPlace?: boolean;
  /** The agents' program, seen from the root of the checkout. @default one with a witness of memory */
  main?: string;
  /** Fields of a host's stable network that differ from a bridge with the data uplink. */
  network?: (host: Host, hosts: HostSet) => Record<string, unknown>;
}

export interface Pair extends AsyncDisposable {
  readonly hosts: HostSet;
  readonly authority: CertificatePair;
  /** Control API of a host's agent. */
  control(host: Host): ControlClient;
  startAgent(host: Host): Promise<void>;
  stopAgent(host: Host): Promise<void>;
  /** SIGKILL, as a crash would. */
  killAgent(host: Host): Promise<void>;
  /** Path of the agent's log, seen from outside. */
  agentLog(host: Host): string;
}

/** Boots the hosts and starts an agent on each; resolves when all agents answer. */
export async function upPair(options: PairOptions = {}): Promise<Pair> {
  const hosts = await upHosts(options);
  try {
    const pair = createPair(hosts, await createAuthority(validFor(2, new Date())), options);
    await Promise.all(hosts.nodes.map((host) => configure(host, hosts, pair.authority, options)));
    await Promise.all(hosts.nodes.map((host) => pair.startAgent(host)));
    return pair;
  } catch (error) {
    await hosts.down();
    throw error;
  }
}

const controlOf = (host: Host): ControlClient => controlClient(path.join(host.root, 'run/godwit/control.sock'));

function createPair(
  hosts: HostSet,
  authority: CertificatePair,
  { main = 'test-e2e/oracle/agent.ts' }: PairOptions,
): Pair {
  return {
    hosts,
    authority,
    control: controlOf,
    async startAgent(host) {
      await startProcess(host, 'agent', [nodeInHost, `/opt/godwit/${main}`, '--config', '/etc/godwit/agent.json']);
      await untilAnswers(controlOf(host), host);
    },
    stopAgent: (host) => stopProcess(host, 'agent'),
    killAgent: (host) => killHard(host, 'agent'),
    agentLog: (host) => logFile(host, 'agent'),
    [Symbol.asyncDispose]: () => hosts.down(),
  };
}

async function configure(host: Host, hosts: HostSet, authority: CertificatePair, options: PairOptions): Promise<void> {
  const etc = path.join(host.root, 'etc/godwit');
  await mkdir(etc, { recursive: true, mode: 0o700 });
  const own = await issueNodeCertificate(authority, host.name, validFor(2, new Date()));
  await writeFile(path.join(etc, 'ca.crt'), authority.certificate);
  await writeFile(path.join(etc, 'node.crt'), own.certificate);
  await writeFile(path.join(etc, 'node.key'), own.key, { mode: 0o600 });
  const peers = hosts.nodes
    .filter(({ name }) => (name === host.name) === (options.inPlace ?? false))
    .map(({ name, mgmtAddress }) => [name, { host: mgmtAddress, port: peerPort }]);
  const config = {
    node: host.name,
    listen: { host: host.mgmtAddress, port: peerPort },
    peers: Object.fromEntries(peers),
    pki: { ca: '/etc/godwit/ca.crt', certificate: '/etc/godwit/node.crt', key: '/etc/godwit/node.key' },
    limitsOfOthers: options.criuReadsLimits === false ? 'byCapability' : 'readable',
    ...options.agent,
    deadlines: { silenceMs: oracleMs, ...Object(options.agent?.['deadlines']) },
  };
  await writeFile(path.join(etc, 'agent.json'), JSON.stringify(config, null, 2));
  await mkdir(path.join(host.root, 'etc/cni/net.d'), { recursive: true });
  await writeFile(
    path.join(host.root, 'etc/cni/net.d/10-stable.conf'),
    JSON.stringify(networkOf(host, hosts, options), null, 2),
  );
}

function networkOf(host: Host, hosts: HostSet, options: PairOptions): Record<string, unknown> {
  return {
    cniVersion: '1.0.0',
    name: stableNetwork,
    type: 'godwit',
    bridge: 'stable0',
    uplink: host.dataUplink,
    capabilities: { ips: true, mac: true },
    ipam: { ranges: [{ subnet: hosts.dataSubnet, rangeStart: hosts.stableIp(50), rangeEnd: hosts.stableIp(250) }] },
    ...options.network?.(host, hosts),
  };
}

async function untilAnswers(control: ControlClient, host: Host): Promise<void> {
  const deadline = performance.now() + startLimitMs;
  for (;;) {
    try {
      await control.handovers();
      return;
    } catch (cause) {
      if (performance.now() > deadline) {
        const log = (await readFile(logFile(host, 'agent'), 'utf8')).slice(-2000);
        throw new GodwitError(
          'ERR_AGENT_UNREACHABLE',
          `the agent of ${host.name} did not start within ${startLimitMs} ms; it said: ${log}`,
          { cause },
        );
      }
      await sleep(50);
    }
  }
}
