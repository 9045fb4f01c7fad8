// The node agent with an engine whose world fails where a test says so: `faulty-agent.ts --config FILE`.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createLog } from '#core/log.ts';
import { startAgent, type EngineWorld } from '#agent/agent.ts';
import { readAgentConfig } from '#agent/config.ts';
import type { JournalStore } from '#agent/engine/journal.ts';
import type { EnginePorts } from '#agent/engine/ports.ts';
import { withWitness } from '#oracle/witness.ts';
import { faultFile, faultSchema, fillerDirectory } from './fault.ts';
import { withNamesInPlace } from './in-place.ts';

/** Methods that answer at once; all others return promises. */
const synchronous = new Set([
  'journalFacts',
  'recover',
  'unsettled',
  'liveConnections',
  'cleanUp',
  'criuMs',
  'receiver',
  'openImage',
  'writeImage',
  'sealImages',
  'isOrphaned',
  'imageBytes',
  'append',
  'close',
  'end',
  'destroy',
  'abortDump',
  'claim',
  'wasLetGo',
]);

const { values } = parseArgs({ options: { config: { type: 'string', default: '/etc/godwit/agent.json' } } });
const config = readAgentConfig(values.config);
const connections = new Set<{ destroy(): void }>();

/** The ordered fault if it is for this step; it is taken away. */
function due(step: string, when: 'before' | 'after') {
  if (!existsSync(faultFile)) return undefined;
  const fault = faultSchema.parse(JSON.parse(readFileSync(faultFile, 'utf8')));
  if (fault.step !== step || fault.when !== when) return undefined;
  rmSync(faultFile);
  return fault.action;
}

/** What can be done at once: everything but a delay and a pretence. */
function strike(step: string, action: NonNullable<ReturnType<typeof due>>): void {
  if (action.kind === 'crash') process.kill(process.pid, 'SIGKILL');
  if (action.kind === 'stop') process.kill(process.pid, 'SIGSTOP');
  if (action.kind === 'throw') throw new Error(`ordered fault at ${step}`);
  if (action.kind === 'kill-criu') spawnSync('pkill', ['-KILL', '-x', 'criu']);
  if (action.kind === 'disconnect') for (const connection of connections) connection.destroy();
  if (action.kind === 'truncate') imagesNamed(action.image).forEach(truncate);
  if (action.kind === 'scribble') imagesNamed(action.image).forEach(scribble);
  if (action.kind === 'fill') fill();
  if (action.kind === 'unplug') unplug(action.forMs);
}

function fill(): void {
  mkdirSync(fillerDirectory, { recursive: true });
  const { bavail, bsize } = statfsSync(fillerDirectory);
  writeFileSync(join(fillerDirectory, 'filler'), Buffer.alloc(bavail * bsize));
}

const setUplink = (state: 'up' | 'down') => spawnSync('ip', ['link', 'set', 'eth0', state]);

function unplug(forMs: number): void {
  setUplink('down');
  setTimeout(() => setUplink('up'), forMs);
}

function truncate(path: string): void {
  truncateSync(path, Math.floor(statSync(path).size / 2));
}

function scribble(path: string): void {
  const image = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(image, byte, 0, 1, 0);
  writeSync(image, Buffer.from([byte.readUInt8() ^ 1]), 0, 1, 0);
  closeSync(image);
}

/** Files of all handovers whose paths begin so, one a handover. */
function imagesNamed(beginning: string): string[] {
  const root = join(config.runDir, 'images');
  return readdirSync(root).flatMap((handover) => {
    const directory = join(root, handover, dirname(beginning));
    const name = readdirSync(directory).find((candidate) => candidate.startsWith(basename(beginning)));
    return name === undefined ? [] : [join(directory, name)];
  });
}

async function around(step: string, work: () => unknown): Promise<unknown> {
  const before = due(step, 'before');
  if (before !== undefined) {
    if (before.kind === 'pretend') return before.result;
    if (before.kind === 'delay') await sleep(before.delayMs);
    strike(step, before);
  }
  const result = await work();
  const after = due(step, 'after');
  if (after !== undefined) {
    if (after.kind === 'delay') await sleep(after.delayMs);
    strike(step, after);
  }
  return result;
}

function aroundNow(step: string, work: () => unknown): unknown {
  const before = due(step, 'before');
  if (before !== undefined) strike(step, before);
  const result = work();
  const after = due(step, 'after');
  if (after !== undefined) strike(step, after);
  return result;
}

/** `port` with a fault before or after any of its methods. */
function faulty<Port extends object>(port: Port, name: string): Port {
  return new Proxy(port, {
    get(own, key) {
      const member: unknown = Reflect.get(own, key, own);
      if (typeof member !== 'function' || typeof key !== 'string') return member;
      const call = (args: unknown[]): unknown => Reflect.apply(member, own, args);
      const step = `${name}.${key}`;
      return synchronous.has(key)
        ? (...args: unknown[]) => aroundNow(step, () => call(args))
        : (...args: unknown[]) => around(step, () => call(args));
    },
  });
}

function faultyPorts(ports: EnginePorts): EnginePorts {
  return {
    ...ports,
    links: faulty(ports.links, 'links'),
    arbiter: faulty(ports.arbiter, 'arbiter'),
    source: (handover, container) => faulty(ports.source(handover, container), 'source'),
    target: (handover) => faulty(ports.target(handover), 'target'),
    async connect(node) {
      aroundNow('connect', () => undefined);
      const connection = await ports.connect(node);
      connections.add(connection);
      void connection.closed.then(() => connections.delete(connection));
      return faulty(connection, 'connection');
    },
  };
}

/** Journals that fail at the entry of a state of one role. */
function faultyJournals(journals: JournalStore): JournalStore {
  return {
    ...journals,
    open(id) {
      const journal = journals.open(id);
      return {
        append: (entry, durable) =>
          void aroundNow(`journal.${roleOf(entry.facts)}.${entry.state}`, () => journal.append(entry, durable)),
        close: () => journal.close(),
      };
    },
  };
}

function roleOf(facts: Record<string, unknown> | undefined): string {
  const identity = facts?.['identity'];
  return typeof identity === 'object' && identity !== null && 'role' in identity ? String(identity.role) : '';
}

const isOwnPeer = Object.hasOwn(config.peers, config.node);
const faultyWorld = ({ ports, journals }: EngineWorld): EngineWorld => ({
  ports: faultyPorts(ports),
  journals: faultyJournals(journals),
});
await startAgent(config, createLog(config.logLevel, { node: config.node }), (world) =>
  faultyWorld(withWitness(isOwnPeer ? withNamesInPlace(world) : world)),
);
