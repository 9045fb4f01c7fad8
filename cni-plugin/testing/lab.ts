// A small network of namespaces for tests: nodes with an uplink to one switch, pods, and clients on the switch.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readNetworks } from '../network-configs.ts';
import { silentLog } from '#core/log.ts';
import { createLinks, type Links } from '../links.ts';
import type { CniCall } from '../verbs/dispatch.ts';
import type { CniReply } from '../verbs/cni-error.ts';

const prefix = 'gdwt-';

/** Runs a program; its standard output. */
export function sh(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export interface LabNode {
  name: string;
  netns: string;
  stateDir: string;
  configDir: string;
  agent: Links;
  /** Closes the agent and opens a new one on the same state. */
  restart(): Promise<void>;
}

/** Everything in it vanishes with `close`; what an earlier run of the same process id left is removed first. */
export class Lab {
  readonly id: string;
  readonly dir: string;
  readonly nodes: LabNode[] = [];
  readonly #namespaces: string[] = [];
  #count = 0;

  constructor() {
    removeLeftovers();
    this.id = `${prefix}${process.pid}-`;
    this.dir = mkdtempSync(join(tmpdir(), 'godwit-lab-'));
    this.namespace('switch');
    this.ip('switch', 'link', 'add', 'sw', 'type', 'bridge', 'mcast_snooping', '0');
    this.ip('switch', 'link', 'set', 'sw', 'up');
  }

  path(name: string): string {
    return `/run/netns/${this.id}${name}`;
  }

  /** Makes a namespace with `lo` up; its path. */
  namespace(name: string): string {
    sh('ip', 'netns', 'add', this.id + name);
    this.#namespaces.push(name);
    this.ip(name, 'link', 'set', 'lo', 'up');
    return this.path(name);
  }

  removeNamespace(name: string): void {
    sh('ip', 'netns', 'del', this.id + name);
    this.#namespaces.splice(this.#namespaces.indexOf(name), 1);
  }

  ip(name: string, ...args: string[]): string {
    return sh('ip', '-n', this.id + name, ...args);
  }

  /** Runs a program inside a namespace. */
  exec(name: string, ...args: string[]): string {
    return sh('ip', 'netns', 'exec', this.id + name, ...args);
  }

  /** Connects a namespace to the switch by a device `device`. */
  plug(name: string, device: string): void {
    this.#count += 1;
    this.ip(
      'switch',
      'link',
      'add',
      `p${this.#count}`,
      'type',
      'veth',
      'peer',
      'name',
      device,
      'netns',
      this.id + name,
    );
    this.ip('switch', 'link', 'set', `p${this.#count}`, 'master', 'sw', 'up');
    this.ip(name, 'link', 'set', device, 'up');
  }

  /** A node with uplink `up0` and an agent that knows `configs`. */
  async node(name: string, ...configs: object[]): Promise<LabNode> {
    const netns = this.namespace(name);
    this.plug(name, 'up0');
    const configDir = join(this.dir, name, 'net.d');
    mkdirSync(configDir, { recursive: true });
    for (const [index, config] of configs.entries())
      writeFileSync(join(configDir, `${index}.conf`), JSON.stringify(config));
    const stateDir = join(this.dir, name, 'state');
    const open = (): Promise<Links> =>
      createLinks({ stateDir, networks: () => readNetworks(configDir, silentLog), netns, log: silentLog });
    const node: LabNode = {
      name,
      netns,
      stateDir,
      configDir,
      agent: await open(),
      async restart() {
        await node.agent.close();
        node.agent = await open();
        await node.agent.start();
      },
    };
    await node.agent.start();
    this.nodes.push(node);
    return node;
  }

  /** A machine on the switch with `address/prefix` on `eth0`. */
  client(name: string, ...addresses: string[]): void {
    this.namespace(name);
    this.plug(name, 'eth0');
    for (const address of addresses)
      this.ip(name, 'addr', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(({ agent }) => agent.close()));
    for (const name of this.#namespaces) sh('ip', 'netns', 'del', this.id + name);
    rmSync(this.dir, { recursive: true });
  }
}

/** Namespaces of test processes that do not live any more. */
function removeLeftovers(): void {
  for (const name of existsSync('/run/netns') ? readdirSync('/run/netns') : []) {
    const pid = /^gdwt-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && (pid === String(process.pid) || !isAlive(Number(pid)))) sh('ip', 'netns', 'del', name);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A network of the lab's nodes over the switch. */
export function networkConfig(changes: object = {}): Record<string, unknown> {
  return {
    cniVersion: '1.1.0',
    name: 'stable',
    type: 'godwit',
    bridge: 'br-stable',
    uplink: 'up0',
    capabilities: { ips: true, mac: true },
    ipam: { ranges: [{ subnet: '198.18.0.0/24', gateway: '198.18.0.1' }] },
    ...changes,
  };
}

export interface CallFields {
  command: string;
  containerId?: string;
  netns?: string;
  ifName?: string;
  config?: object;
  env?: Record<string, string>;
}

export function cniCall({
  command,
  containerId = 'c1',
  netns = '',
  ifName = 'net1',
  config = networkConfig(),
  env = {},
}: CallFields): CniCall {
  const base = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: ifName,
    CNI_PATH: '/opt/cni/bin',
  };
  return { env: { ...base, ...env }, stdin: JSON.stringify(config) };
}

/** Result of a call that must succeed. */
export async function succeed(node: LabNode, fields: CallFields): Promise<string> {
  const reply: CniReply = await node.agent.handleCni(cniCall(fields));
  if (reply.exitCode !== 0) throw new Error(`${fields.command} failed: ${reply.stdout}`);
  return reply.stdout;
}
