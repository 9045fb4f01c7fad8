// All handovers of this node: begins them, accepts them, tells the other side their outcome, and picks them up after a
// restart.
import { randomUUID } from 'node:crypto';
import { EventEmitter, on } from 'node:events';
import { terminalStates, type HandoverRecord, type HandoverRequest, type Plan } from '#core/api/handover.ts';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { protocolVersion, type MessageOf } from '#core/wire/messages.ts';
import { definedNumbers, Handover, sideKey, type HandoverIdentity } from '#agent/engine/handover.ts';
import { journalFactsSchema, type RecoveredFacts } from '#agent/engine/journal-facts.ts';
import type { JournalEntry, JournalStore } from '#agent/engine/journal.ts';
import { KeptJournal } from '#agent/engine/kept-journal.ts';
import {
  isCancellable,
  isTerminal,
  sourceMachine,
  targetMachine,
  type Machine,
  type SourceState,
  type TargetState,
} from '#agent/engine/machine.ts';
import { pause } from '#core/pause.ts';
import { planHandover } from '#agent/engine/plan.ts';
import type { EnginePorts } from '#agent/engine/ports.ts';
import { runMachine } from '#agent/engine/run.ts';
import { SourceRun } from '#agent/engine/source.ts';
import { TargetRun } from '#agent/engine/target.ts';
import { epochNow } from '#agent/engine/timeline.ts';
import { targetRefusals } from '#agent/preflight/target-checks.ts';
import type { PeerConnection } from '#agent/transfer/connection.ts';

/** Ended handovers that are kept at least, for `godwit get`. */
const keptRecords = 200;
/** A peer may have to ask much later what became of a handover: as long as it is kept, the answer is what happened. */
const keptMs = 7 * 24 * 3_600_000;

interface Running<Run> {
  handover: Handover;
  run: Run;
  /** Resolves with the terminal state. */
  ended: Promise<string>;
}

export class Handovers {
  readonly #ports: EnginePorts;
  readonly #journals: JournalStore;
  // By `sideKey`, which is the handover's id unless this node hands over to itself.
  readonly #sources = new Map<string, Running<SourceRun>>();
  readonly #targets = new Map<string, Running<TargetRun>>();
  readonly #records = new Map<string, HandoverRecord>();
  /** Handovers whose journals cannot be understood: nothing is said about them. */
  readonly #unreadable = new Set<string>();
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
    if (record === undefined)
      throw new GodwitError('ERR_HANDOVER_UNKNOWN', `no handover ${id} is known on ${this.#ports.config.node}`);
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

  /** Keys of the sides that are not over, as their directories are called. */
  underway(): Set<string> {
    return new Set([...this.#sources.keys(), ...this.#targets.keys()]);
  }

  /** The running handover that moves `container` away, if any. */
  leaving(container: string): HandoverRecord | undefined {
    return [...this.#sources.values()]
      .map(({ handover }) => handover.record())
      .find((record) => record.container === container);
  }

  /**
   * Whether a handover other than `except` takes `container` away, or builds a replacement of that id or lets it run.
   */
  #isBusy(container: string, except?: string): boolean {
    return [...this.#sources.values(), ...this.#targets.values()].some(
      ({ handover: { identity } }) => identity.container === container && identity.id !== except,
    );
  }

  /** Whether the commit of this container's running handover lies behind it. */
  committed(container: string): boolean {
    const state = this.leaving(container)?.state;
    return state === 'activating' || state === 'releasing';
  }

  /**
   * Resolves when no handover of `container` is being finished or undone on this node, or after `limitMs`: then
   * preflight says what is in the way.
   */
  async settled(container: string, limitMs: number): Promise<void> {
    const running = [...this.#sources.values(), ...this.#targets.values()].filter(
      ({ handover }) => handover.identity.container === container,
    );
    await Promise.race([Promise.all(running.map(({ ended }) => ended)), pause(this.#ports.clock, limitMs)]);
  }

  /** Preflight and a rehearsal: nothing is changed on either node. */
  plan(request: HandoverRequest): Promise<Plan> {
    return planHandover(this.#ports, request, this.list());
  }

  /**
   * Begins a handover and returns its first record; throws ERR_BUSY or ERR_PEER_UNKNOWN.
   * @param id never used before
   */
  begin({ container, to }: HandoverRequest, id: string = randomUUID()): HandoverRecord {
    const { config } = this.#ports;
    const peers = this.#ports.peers();
    const other = this.leaving(container);
    if (other !== undefined)
      throw new GodwitError(
        'ERR_BUSY',
        `container ${container} is being handed over to ${other.to} by handover ${other.id}`,
      );
    if (this.#isBusy(container))
      throw new GodwitError('ERR_BUSY', `container ${container} is still arriving on ${config.node}`);
    if (!peers.includes(to))
      throw new GodwitError(
        'ERR_PEER_UNKNOWN',
        `node ${to} is not a peer of ${config.node}; peers: ${peers.join(', ') || 'none'}`,
      );
    return this.#startSource({ id, role: 'source', container, from: config.node, to });
  }

  /** Rolls a handover back; throws ERR_HANDOVER_UNKNOWN or ERR_TOO_LATE. */
  cancel(id: string, reason: string): HandoverRecord {
    const { role, state } = this.get(id);
    const running = this.#sources.get(id);
    if (running === undefined && role === 'target')
      throw new GodwitError('ERR_TOO_LATE', `handover ${id} comes from another node, which decides about it`);
    if (running === undefined || !isCancellable(state))
      throw new GodwitError('ERR_TOO_LATE', `handover ${id} is ${state}`);
    running.run.cancel(reason);
    return running.handover.record();
  }

  /** Rolls back the handover that moves `container` away, if there is one that can still be. */
  abortFor(container: string, reason: string): void {
    const record = this.leaving(container);
    if (record !== undefined && isCancellable(record.state)) this.#sources.get(record.id)?.run.cancel(reason);
  }

  /** Serves a connection of the authenticated peer `node` until it has been answered. */
  async accept(node: string, connection: PeerConnection): Promise<void> {
    try {
      await this.#accept(node, connection);
    } catch (thrown) {
      const error = asGodwitError(thrown).on(this.#ports.config.node);
      await connection.send({ type: 'failed', error: error.toRecord() }).catch(() => undefined);
      connection.end();
      throw error;
    }
  }

  async #accept(node: string, connection: PeerConnection): Promise<void> {
    const { config } = this.#ports;
    const hello = await connection.expect(config.deadlines.commitMs, 'hello');
    if (hello.protocol !== protocolVersion)
      throw new GodwitError('ERR_PEER_PROTOCOL', `protocol ${hello.protocol}, this agent speaks ${protocolVersion}`);
    if (hello.purpose === 'outcome') return this.#tellOutcome(node, hello.handover, connection);
    const receivedAt = epochNow();
    if (hello.purpose === 'handover')
      await withDeadline(
        this.#ports.mustBeExpected(node, hello.handover),
        config.deadlines.commitMs,
        'asking whether the handover is expected',
        this.#ports.clock,
      );
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

  /**
   * Picks up what a former agent left: finishes what was committed, undoes the rest. Begins before the sockets are
   * served.
   */
  recover(): void {
    for (const [id, entries] of this.#journals.readAll()) {
      const last = entries.at(-1);
      if (last === undefined) this.#journals.remove(id); // nothing happened before its first entry
      else this.#recoverOne(id, last);
    }
  }

  /** A journal that cannot be understood stops its own handover only; whoever runs the container of it decides. */
  #recoverOne(key: string, last: JournalEntry): void {
    try {
      this.#resume(journalFactsSchema.parse(last.facts), last);
    } catch (cause) {
      this.#unreadable.add(key);
      const error = new GodwitError(
        'ERR_JOURNAL',
        `the journal of handover ${key} cannot be understood: ${asGodwitError(cause).message}`,
        { cause },
      );
      this.#ports.log.error(
        { handover: key, state: last.state, code: error.code, error: error.message },
        'Handover of a former agent left as it is',
      );
    }
  }

  #resume(facts: RecoveredFacts, last: JournalEntry): void {
    if (facts.identity.role === 'source') this.#resumeSource(facts, knownState(sourceMachine, last.state), last.at);
    else this.#resumeTarget(facts, knownState(targetMachine, last.state), last.at);
  }

  #resumeSource(facts: RecoveredFacts, state: SourceState, at: string): void {
    const { id, container } = facts.identity;
    const { afterCrash } = sourceMachine[state];
    const handover = this.#recoveredHandover(facts, state, afterCrash, at);
    if (isTerminal(sourceMachine, state)) return;
    const run = new SourceRun(this.#ports, handover, this.#ports.source(id, container));
    run.recover(facts);
    this.#run(this.#sources, handover, run, sourceMachine, afterCrash, true);
  }

  #resumeTarget(facts: RecoveredFacts, state: TargetState, at: string): void {
    const { afterCrash } = targetMachine[state];
    const handover = this.#recoveredHandover(facts, state, afterCrash, at);
    if (isTerminal(targetMachine, state)) return;
    const run = this.#targetRun(handover, undefined);
    run.recover(facts);
    this.#run(this.#targets, handover, run, targetMachine, afterCrash, true);
  }

  /** What had to be given up has its reason; what goes on has none. */
  #recoveredHandover(
    facts: RecoveredFacts,
    diedIn: HandoverRecord['state'],
    state: HandoverRecord['state'],
    at: string,
  ): Handover {
    const { identity } = facts;
    const handover = new Handover(identity, state, this.#ports.clock, (record) => this.#publish(record));
    const ended = terminalStates.some((terminal) => terminal === diedIn);
    handover.recover(facts, ended ? at : undefined);
    this.#publish(handover.record());
    if (!ended) this.#ports.log.info({ handover: identity.id, state: diedIn }, 'Found handover of a former agent');
    if (state !== diedIn || diedIn === 'committing')
      handover.fail(
        new GodwitError(
          'ERR_AGENT_RESTARTED',
          `the agent of ${this.#ports.config.node} ended while the handover was ${diedIn}`,
        ),
      );
    return handover;
  }

  #targetRun(handover: Handover, connection: PeerConnection | undefined): TargetRun {
    const { identity } = handover;
    return new TargetRun(this.#ports, handover, this.#ports.target(sideKey(identity)), connection, (container) =>
      this.#isBusy(container, identity.id),
    );
  }

  #startSource(identity: HandoverIdentity): HandoverRecord {
    const handover = this.#newHandover(identity);
    const run = new SourceRun(this.#ports, handover, this.#ports.source(identity.id, identity.container));
    this.#run(this.#sources, handover, run, sourceMachine, 'preparing');
    return handover.record();
  }

  #run<Run extends SourceRun | TargetRun, State extends SourceState | TargetState>(
    running: Map<string, Running<Run>>,
    handover: Handover,
    run: Run,
    machine: Parameters<typeof runMachine<State>>[0]['machine'],
    state: State,
    recovered = false,
  ): Running<Run> {
    const { id } = handover.identity;
    const key = sideKey(handover.identity);
    const opened = recovered ? undefined : this.#journals.open(key); // one that cannot be written begins nothing
    const journal = new KeptJournal(() => opened ?? this.#journals.open(key), this.#ports.clock);
    const ended = runMachine(
      {
        machine,
        journal,
        recovered,
        effects: (remember) => (run instanceof TargetRun ? run.effects(remember) : run.effects()),
        now: () => this.#ports.clock.date(),
        facts: () => run.journalFacts(),
        onState: (entered) => {
          this.#ports.log.info(
            { handover: id, container: handover.identity.container, state: entered, ...errorFacts(handover) },
            'Handover entered a state',
          );
          handover.enter(entered, isTerminal(machine, entered));
        },
        onUnwritten: (entered, error) =>
          this.#ports.log.error(
            { handover: id, state: entered, code: error.code, error: error.message },
            'Journal cannot be written',
          ),
        holdsUnwritten: (entered, error) => run.holdsUnwritten(entered, error),
      },
      state,
    ).finally(() => {
      journal.close();
      running.delete(key);
    });
    ended.catch((error: unknown) =>
      this.#ports.log.fatal(
        { handover: id, error: asGodwitError(error).message },
        'Handover cannot be driven on; restart the agent',
      ),
    );
    const entry = { handover, run, ended };
    running.set(key, entry);
    return entry;
  }

  #newHandover(identity: HandoverIdentity): Handover {
    return new Handover(identity, 'preparing', this.#ports.clock, (record) => this.#publish(record));
  }

  #publish(record: HandoverRecord): void {
    this.#records.set(sideKey(record), record);
    const oldestMs = this.#ports.clock.date().getTime() - keptMs;
    for (const [key, { finishedAt }] of [...this.#records].slice(0, -keptRecords)) {
      if (finishedAt === undefined || Date.parse(finishedAt) > oldestMs) continue;
      this.#records.delete(key);
      this.#journals.remove(key);
    }
    this.#changes.emit('change', record);
  }

  async #startTarget(node: string, id: string, connection: PeerConnection): Promise<void> {
    const identity = this.#targetIdentity(node, id);
    const key = sideKey(identity);
    if (this.#records.has(key) || this.#unreadable.has(key))
      throw new GodwitError('ERR_PEER_PROTOCOL', `handover ${id} exists already`);
    const handover = this.#newHandover(identity);
    const run = this.#targetRun(handover, connection);
    const running = this.#run(this.#targets, handover, run, targetMachine, 'preparing');
    const state = await running.ended;
    const open = running.run.connection;
    if (open !== undefined && state !== 'refused') await running.run.answer(open, state);
    else connection.end();
  }

  /** @param node where it comes from; the container is known later */
  #targetIdentity(node: string, id: string): HandoverIdentity {
    return { id, role: 'target', container: id, from: node, to: this.#ports.config.node };
  }

  async #answerPreflight(connection: PeerConnection): Promise<void> {
    const request = await connection.expect(this.#ports.config.deadlines.prepareMs, 'prepare');
    await connection.send({ type: 'refused', ...(await targetRefusals(request, this.#ports)) });
    connection.end();
  }

  /** The source has committed and wants to know what became of it. A handover that is unknown here never ran here. */
  async #settle(node: string, id: string, connection: PeerConnection): Promise<void> {
    await connection.expect(this.#ports.config.deadlines.commitMs, 'commit');
    const key = sideKey(this.#targetIdentity(node, id));
    this.#mustBeReadable(key);
    const running = this.#targets.get(key);
    if (running !== undefined && running.handover.identity.from === node) {
      running.run.confirmCommit();
      await running.run.answer(connection, await running.ended);
      return;
    }
    const record = this.#records.get(key);
    const own = record?.role === 'target' && record.from === node ? record : undefined;
    await connection.send(this.#lastWord(id, own));
    connection.end();
  }

  /** `lost` is a promise that nothing runs here: only a handover that ended so, or never was here, may be lost. */
  #lastWord(id: string, record: HandoverRecord | undefined): MessageOf<'activated' | 'lost'> {
    if (record === undefined)
      return { type: 'lost', reason: `handover ${id} is not known on ${this.#ports.config.node}` };
    switch (record.state) {
      case 'succeeded':
        return { type: 'activated', timeline: record.timeline, measures: definedNumbers(record.measures) };
      case 'rolled-back':
      case 'refused':
        return { type: 'lost', reason: record.error?.message ?? `handover ${id} was undone` };
      default:
        throw new GodwitError('ERR_INTERNAL', `handover ${id} is ${record.state} and nobody drives it on`);
    }
  }

  #mustBeReadable(key: string): void {
    if (this.#unreadable.has(key))
      throw new GodwitError('ERR_JOURNAL', `the journal of handover ${key} cannot be understood`);
  }

  /** The target asks who holds the workload: what the journal says, never a guess. */
  async #tellOutcome(node: string, id: string, connection: PeerConnection): Promise<void> {
    this.#mustBeReadable(id);
    await connection.send(this.#outcome(node, id));
    connection.end();
  }

  #outcome(node: string, id: string): MessageOf<'outcome'> {
    const record = this.#records.get(id);
    if (record?.role !== 'source' || record.to !== node) return { type: 'outcome', outcome: 'revoked' };
    if (['activating', 'releasing', 'succeeded'].includes(record.state))
      return { type: 'outcome', outcome: 'committed' };
    const over = ['rolling-back', 'rolled-back', 'refused', 'reclaiming'].includes(record.state);
    return { type: 'outcome', outcome: over ? 'revoked' : 'pending' };
  }
}

function errorFacts({ error }: Handover): Record<string, unknown> {
  return error === undefined ? {} : { code: error.code, error: error.message };
}

/** The state of that name; throws ERR_JOURNAL. */
function knownState<State extends string>(machine: Machine<State>, state: string): State {
  if (hasState(machine, state)) return state;
  throw new GodwitError('ERR_JOURNAL', `the journal has a state ${state} that this version does not know`);
}

function hasState<State extends string>(machine: Machine<State>, state: string): state is State {
  return Object.hasOwn(machine, state);
}
