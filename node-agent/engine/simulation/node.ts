// A simulated node: agents that live and die over the same journals and the same world.
import { silentLog } from '#core/log.ts';
import { GodwitError } from '#core/errors.ts';
import { agentConfigSchema } from '#agent/config.ts';
import { Handovers } from '#agent/engine/handovers.ts';
import type { JournalEntry, JournalStore } from '#agent/engine/journal.ts';
import type { Arbiter, EnginePorts } from '#agent/engine/ports.ts';
import { PeerConnection } from '#agent/transfer/connection.ts';
import { fakeFiles } from './fake-files.ts';
import { fakeLinks } from './fake-links.ts';
import { fakeSource, nodeFacts } from './fake-source.ts';
import { fakeTarget } from './fake-target.ts';
import { Life } from './life.ts';
import { createWire, type Wire } from './wire.ts';
import { hookAloneMs, type NodeName, type World } from './world.ts';

interface WrittenEntry {
  entry: JournalEntry;
  durable: boolean;
}

export class SimulatedNode {
  readonly name: NodeName;
  readonly #world: World;
  readonly #arbiter: (life: Life) => Arbiter;
  readonly #isGone: () => boolean;
  readonly #journals = new Map<string, WrittenEntry[]>();
  #life: Life | undefined;
  #wires: Wire[] = [];
  #deaths = 0;
  handovers: Handovers | undefined;
  peers: Partial<Record<NodeName, SimulatedNode>> = {};

  /** @param isGone whether somebody has declared that the other node will not come back */
  constructor(name: NodeName, world: World, arbiter: (life: Life) => Arbiter, isGone = () => false) {
    this.#isGone = isGone;
    this.name = name;
    this.#world = world;
    this.#arbiter = arbiter;
  }

  get alive(): boolean {
    return this.#life !== undefined && !this.#life.dead;
  }

  start(): void {
    const life = new Life(this.name, this.#world, () => this.#died());
    this.#life = life;
    this.handovers = new Handovers(this.#ports(life), this.#journalStore(life));
    this.handovers.recover();
  }

  crash(): void {
    this.#life?.die();
  }

  /** The node loses its power; what was not synced may be lost with it. */
  reboot(): void {
    this.#life?.die();
    this.#world.reboot(this.name);
    for (const [id, entries] of this.#journals) {
      const kept = entries.findLastIndex(({ durable }) => durable) + 1;
      this.#journals.set(id, entries.slice(0, Math.max(kept, 0)));
    }
  }

  /** What a former agent, or one of another version, left. */
  writeJournal(id: string, entries: readonly JournalEntry[]): void {
    this.#journals.set(
      id,
      entries.map((entry) => ({ entry, durable: true })),
    );
  }

  accept(node: NodeName, wire: Wire): PeerConnection | undefined {
    const { handovers } = this;
    const life = this.#life;
    if (handovers === undefined || life === undefined || life.dead) return undefined;
    this.#wires.push(wire);
    const connection = new PeerConnection(wire.ends[1], life.clock);
    handovers.accept(node, connection).catch(() => connection.destroy());
    return connection;
  }

  #died(): void {
    const { clock, source, nodes } = this.#world;
    for (const wire of this.#wires.splice(0)) wire.cut();
    for (const place of this.#world.placesOf(this.name)) nodes[place].parkings = 0;
    if (this.name === 'a' && source.dump === 'waiting') source.dump = 'none';
    const absentMs = this.#world.story.absentMs[this.#deaths] ?? 1;
    this.#deaths += 1;
    if (absentMs > hookAloneMs) clock.after(hookAloneMs, () => this.#world.hookGivesUp(this.name));
    clock.after(absentMs, () => this.start());
  }

  #ports(life: Life): EnginePorts {
    const other = this.#world.story.inPlace === true || this.name === 'b' ? 'a' : 'b';
    const address = { host: '127.0.0.1', port: 1 };
    return {
      config: agentConfigSchema.parse({
        node: this.name,
        listen: address,
        peers: { [other]: address },
        pki: { ca: '/x', certificate: '/x', key: '/x' },
      }),
      clock: life.clock,
      log: silentLog,
      links: fakeLinks(life),
      files: fakeFiles(life),
      arbiter: this.#arbiter(life),
      peers: () => [other],
      mustBeExpected: () => life.step('mustBeExpected', () => undefined),
      isGone: this.#isGone,
      connect: () => life.step('connect', () => this.#connect(life, other)),
      source: () => fakeSource(life),
      target: () => fakeTarget(life, fakeFiles(life)),
      targetChecks: () => life.step('targetChecks', () => []),
      nodeFacts: () => life.step('nodeFacts', () => nodeFacts),
    };
  }

  #connect(life: Life, to: NodeName): PeerConnection {
    const wire = createWire((own) => this.#world.onChunk(own));
    if (this.peers[to]?.accept(this.name, wire) === undefined)
      throw new GodwitError('ERR_PEER_UNREACHABLE', `node ${to} does not answer`);
    this.#wires.push(wire);
    this.#world.wires.add(wire);
    return new PeerConnection(wire.ends[0], life.clock);
  }

  #mustTake(): void {
    const { clock, fullUntilMs } = this.#world;
    if (clock.nowMs() < fullUntilMs[this.name])
      throw new GodwitError('ERR_STORAGE', `the disk of ${this.name} takes nothing`);
  }

  #journalStore(life: Life): JournalStore {
    const nothingLeft = { except: ['throw-after'] } as const;
    return {
      open: (id) => {
        this.#mustTake();
        const written = this.#journals.get(id) ?? [];
        this.#journals.set(id, written);
        return {
          append: (entry, durable) =>
            life.now(
              `journal ${entry.state}`,
              () => {
                this.#mustTake();
                written.push({ entry, durable });
              },
              nothingLeft,
            ),
          close: () => undefined,
        };
      },
      readAll: () =>
        new Map(
          [...this.#journals].map(([id, written]) => [
            id,
            written.map(({ entry }): JournalEntry => JSON.parse(JSON.stringify(entry))),
          ]),
        ),
      remove: (id) => void this.#journals.delete(id),
    };
  }
}
