// All handovers of this node: begins them, accepts them, tells the other side their outcome, and picks them up after a restart.
import { randomUUID } from 'node:crypto';
import { EventEmitter, on } from 'node:events';
import type { HandoverRecord, HandoverRequest, Plan } from '#core/api/handover.ts';
import { GodwitError } from '#core/errors.ts';
import { protocolVersion, type MessageOf } from '#core/wire/messages.ts';
import { definedNumbers, Handover, type HandoverIdentity } from '#agent/engine/handover.ts';
import { journalFactsSchema, type RecoveredFacts } from '#agent/engine/journal-facts.ts';
import type { JournalEntry, JournalStore } from '#agent/engine/journal.ts';
import { isTerminal, sourceMachine, targetMachine, type SourceState, type TargetState } from '#agent/engine/machine.ts';
import { planHandover } from '#agent/engine/plan.ts';
import type { EnginePorts } from '#agent/engine/ports.ts';
import { runMachine } from '#agent/engine/run.ts';
import { SourceRun } from '#agent/engine/source.ts';
import { TargetRun } from '#agent/engine/target.ts';
import { epochNow } from '#agent/engine/timeline.ts';
import { targetRefusals } from '#agent/preflight/target-checks.ts';
import type { PeerConnection } from '#agent/transfer/connection.ts';

/** Ended handovers that are kept for `godwit get` and for peers that ask late. */
const keptRecords = 200;

interface Running<Run> {
  handover: Handover;
  run: Run;
  state: () => string;
  /** Resolves with the terminal state. */
  ended: Promise<string>;
}

export class Handovers {
  readonly #ports: EnginePorts;
  readonly #journals: JournalStore;
  readonly #sources = new Map<string, Running<SourceRun>>();
  readonly #targets = new Map<string, Running<TargetRun>>();
  readonly #records = new Map<string, HandoverRecord>();
  readonly #changes = new EventEmitter<{ change: [HandoverRecord] }>().setMaxListeners(0);

  constructor(ports: EnginePorts, journals: JournalStore) {
    this.#ports = ports;
    this.#journals = journals;
  }

  /** Newest first. */
  list(): HandoverRecord[] {
    return [...this.#records.values()].toReversed();
  }

  get(id: string): HandoverRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw new GodwitError('ERR_HANDOVER_UNKNOWN', `no handover ${id} is known on ${this.#ports.config.node}`);
    return record;
  }

  /** Every change of every handover, until `signal`. */
  async *changes(signal: AbortSignal): AsyncGenerator<HandoverRecord> {
    try {
      for await (const [record] of on(this.#changes, 'change', { signal })) yield record;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** The running handover that moves `container` away, if any. */
  leaving(container: string): HandoverRecord | undefined {
    return [...this.#sources.values()].map(({ handover }) => handover.record()).find((record) => record.container === container);
  }

  /** Whether the commit of this container's running handover lies behind it. */
  committed(container: string): boolean {
    const state = this.leaving(container)?.state;
    return state === 'activating' || state === 'releasing';
  }

  /** Preflight only: nothing is changed on either node. */
  plan(request: HandoverRequest): Promise<Plan> {
    return planHandover(this.#ports, request);
  }

  /** Begins a handover and returns its first record; throws ERR_BUSY or ERR_PEER_UNKNOWN. */
  begin({ container, to }: HandoverRequest): HandoverRecord {
    const { config } = this.#ports;
    const other = this.leaving(container);
    if (other !== undefined) throw new GodwitError('ERR_BUSY', `container ${container} is being handed over to ${other.to} by handover ${other.id}`);
    if (!Object.hasOwn(config.peers, to)) throw new GodwitError('ERR_PEER_UNKNOWN', `node ${to} is not a peer of ${config.node}; peers: ${Object.keys(config.peers).join(', ') || 'none'}`);
    return this.#startSource({ id: randomUUID(), role: 'source', container, from: config.node, to }, 'preparing');
  }

  /** Rolls a handover back; throws ERR_HANDOVER_UNKNOWN or ERR_TOO_LATE. */
  cancel(id: string, reason: string): HandoverRecord {
    const running = this.#sources.get(id);
    if (running === undefined) {
      const record = this.get(id);
      throw new GodwitError('ERR_TOO_LATE', `handover ${id} is ${record.state}`);
    }
    if (this.committed(running.handover.identity.container)) throw new GodwitError('ERR_TOO_LATE', `handover ${id} is committed`);
    running.run.cancel(reason);
    return running.handover.record();
  }

  /** Rolls back the handover that moves `container` away, if there is one that is not committed. */
  abortFor(container: string, reason: string): void {
    const record = this.leaving(container);
    if (record !== undefined && !this.committed(container)) this.#sources.get(record.id)?.run.cancel(reason);
  }

  /** Serves a connection of the authenticated peer `node` until it has been answered. */
  async accept(node: string, connection: PeerConnection): Promise<void> {
    const { config } = this.#ports;
    const hello = await connection.expect(config.deadlines.commitMs, 'hello');
    if (hello.protocol !== protocolVersion) throw new GodwitError('ERR_PEER_PROTOCOL', `protocol ${hello.protocol}, this agent speaks ${protocolVersion}`);
    if (hello.purpose === 'outcome') return this.#tellOutcome(node, hello.handover, connection);
    const receivedAt = epochNow();
    await connection.send({ type: 'welcome', receivedAt, sentAt: epochNow(), facts: await this.#ports.nodeFacts() });
    switch (hello.purpose) {
      case 'handover':
        return this.#startTarget(node, hello.handover, connection);
      case 'preflight':
        return this.#answerPreflight(connection);
      case 'settle':
        return this.#settle(node, hello.handover, connection);
    }
  }

  /** Picks up what a former agent left: finishes what was committed, undoes the rest. Begins before the sockets are served. */
  recover(): void {
    for (const [id, entries] of this.#journals.readAll()) {
      const last = entries.at(-1);
      const facts = journalFactsSchema.safeParse(last?.facts);
      if (last === undefined || !facts.success) {
        this.#journals.remove(id);
        continue;
      }
      this.#resume(facts.data, last);
    }
  }

  #resume(facts: RecoveredFacts, last: JournalEntry): void {
    const { identity } = facts;
    this.#ports.log.info({ handover: identity.id, state: last.state }, 'Found handover of a former agent');
    if (identity.role === 'source') this.#startSource(identity, recoveredState(sourceMachine, last.state), facts);
    else this.#runTarget(identity, recoveredState(targetMachine, last.state), undefined, facts);
  }

  #startSource(identity: HandoverIdentity, state: SourceState, recovered?: RecoveredFacts): HandoverRecord {
    const handover = this.#newHandover(identity, state);
    const run = new SourceRun(this.#ports, handover, this.#ports.source(identity.id, identity.container));
    if (recovered !== undefined) run.recover(recovered);
    this.#run(this.#sources, handover, run, sourceMachine, state);
    return handover.record();
  }

  #runTarget(identity: HandoverIdentity, state: TargetState, connection: PeerConnection | undefined, recovered?: RecoveredFacts): Running<TargetRun> {
    const handover = this.#newHandover(identity, state);
    const run = new TargetRun(this.#ports, handover, this.#ports.target(identity.id), connection);
    if (recovered !== undefined) run.recover(recovered);
    return this.#run(this.#targets, handover, run, targetMachine, state);
  }

  #run<Run extends SourceRun | TargetRun, State extends SourceState | TargetState>(
    running: Map<string, Running<Run>>, handover: Handover, run: Run, machine: Parameters<typeof runMachine<State>>[0]['machine'], state: State,
  ): Running<Run> {
    const { id } = handover.identity;
    const journal = this.#journals.open(id);
    let current: string = state;
    const ended = runMachine(
      {
        machine, journal,
        effects: run.effects(),
        now: () => this.#ports.clock.date(),
        facts: () => run.journalFacts(),
        onState: (entered) => {
          current = entered;
          this.#ports.log.info({ handover: id, container: handover.identity.container, state: entered, ...errorFacts(handover) }, 'Handover entered a state');
          handover.enter(entered, isTerminal(machine, entered));
        },
      },
      state,
    ).finally(() => {
      journal.close();
      running.delete(id);
    });
    const entry = { handover, run, ended, state: () => current };
    running.set(id, entry);
    return entry;
  }

  #newHandover(identity: HandoverIdentity, state: HandoverRecord['state']): Handover {
    const handover = new Handover(identity, state, this.#ports.clock, (record) => this.#publish(record));
    this.#publish(handover.record());
    return handover;
  }

  #publish(record: HandoverRecord): void {
    this.#records.set(record.id, record);
    for (const id of [...this.#records.keys()].slice(0, -keptRecords)) {
      if (this.#sources.has(id) || this.#targets.has(id)) continue;
      this.#records.delete(id);
      this.#journals.remove(id);
    }
    this.#changes.emit('change', record);
  }

  async #startTarget(node: string, id: string, connection: PeerConnection): Promise<void> {
    if (this.#records.has(id)) throw new GodwitError('ERR_PEER_PROTOCOL', `handover ${id} exists already`);
    const identity = { id, role: 'target', container: id, from: node, to: this.#ports.config.node } as const;
    const running = this.#runTarget(identity, 'preparing', connection);
    const state = await running.ended;
    const open = running.run.connection;
    if (open !== undefined && state !== 'refused') await running.run.answer(open, state);
    else connection.end();
  }

  async #answerPreflight(connection: PeerConnection): Promise<void> {
    const request = await connection.expect(this.#ports.config.deadlines.prepareMs, 'prepare');
    await connection.send({ type: 'refused', ...(await targetRefusals(request, this.#ports)) });
    connection.end();
  }

  /** The source has committed and wants to know what became of it. A handover that is unknown here never ran here. */
  async #settle(node: string, id: string, connection: PeerConnection): Promise<void> {
    await connection.expect(this.#ports.config.deadlines.commitMs, 'commit');
    const running = this.#targets.get(id);
    if (running !== undefined && running.handover.identity.from === node) {
      running.run.confirmCommit();
      await running.run.answer(connection, await running.ended);
      return;
    }
    const record = this.#records.get(id);
    if (record?.role === 'target' && record.from === node && record.state === 'succeeded') {
      await connection.send({ type: 'activated', timeline: record.timeline, measures: definedNumbers(record.measures) });
    } else {
      await connection.send({ type: 'lost', reason: record?.error?.message ?? `handover ${id} is not known on ${this.#ports.config.node}` });
    }
    connection.end();
  }

  /** The target asks who holds the workload: what the journal says, never a guess. */
  async #tellOutcome(node: string, id: string, connection: PeerConnection): Promise<void> {
    await connection.send(this.#outcome(node, id));
    connection.end();
  }

  #outcome(node: string, id: string): MessageOf<'outcome'> {
    const record = this.#records.get(id);
    if (record?.role !== 'source' || record.to !== node) return { type: 'outcome', outcome: 'revoked' };
    if (['activating', 'releasing', 'succeeded'].includes(record.state)) return { type: 'outcome', outcome: 'committed' };
    const over = ['rolling-back', 'rolled-back', 'refused', 'reclaiming'].includes(record.state);
    return { type: 'outcome', outcome: over ? 'revoked' : 'pending' };
  }
}

function errorFacts({ error }: Handover): Record<string, unknown> {
  return error === undefined ? {} : { code: error.code, error: error.message };
}

/** Where a handover goes on that stood in `state` when its agent died. */
function recoveredState<State extends string>(machine: Record<State, { afterCrash: State }>, state: string): State {
  for (const [name, rule] of Object.entries<{ afterCrash: State }>(machine)) if (name === state) return rule.afterCrash;
  throw new GodwitError('ERR_JOURNAL', `the journal has a state ${state} that this version does not know`);
}

