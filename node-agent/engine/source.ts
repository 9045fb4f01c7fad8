// The source's side of a handover: what happens in each state of `sourceMachine`.
import type { Attachment, Neighbour } from '#cni/port.ts';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { protocolVersion, type MessageOf } from '#core/wire/messages.ts';
import type { AgentConfig } from '#agent/config.ts';
import { commitEffect, revokeEffect } from '#agent/engine/commit.ts';
import { effect, persistentEffect, type Step } from '#agent/engine/effect.ts';
import { FileRounds } from '#agent/engine/file-rounds.ts';
import type { Handover } from '#agent/engine/handover.ts';
import { pause } from '#core/pause.ts';
import { settleBoth } from '#core/settled.ts';
import type { EnginePorts, SourceFacts, SourcePort } from '#agent/engine/ports.ts';
import type { RecoveredFacts } from '#agent/engine/journal-facts.ts';
import type { Effect } from '#agent/engine/run.ts';
import { ifThere } from '#agent/engine/links.ts';
import { prepareMessage } from '#agent/engine/prepare-message.ts';
import { clockOffsetMs, epochNow, shiftSteps } from '#agent/engine/timeline.ts';
import { incompatibilities } from '#agent/preflight/compatibility.ts';
import type { ImageSink } from '#agent/criu/image-tail.ts';
import type { FileCounts } from '#agent/files/port.ts';
import type { PeerConnection } from '#agent/transfer/connection.ts';

/** Freezes that may be given up for what cannot be dumped at that moment, before the handover is. */
const freezeAttempts = 24;
const settleMs = 15;
const pagesPollMs = 50;
/** Late files beyond this number are sent in another round before the freeze. */
const fewFiles = 64;
const maxRounds = 4;
/** How long a target that takes nothing is waited for before it is told that the handover is over. */
const farewellMs = 1_000;

export class SourceRun {
  readonly #ports: EnginePorts;
  readonly #handover: Handover;
  readonly #source: SourcePort;
  #facts: SourceFacts | undefined;
  #attachments: Attachment[] = [];
  #files: FileRounds | undefined;
  #neighbours: Neighbour[] = [];
  #connection: PeerConnection | undefined;
  #clockOffsetMs = 0;
  #dumpStarted = false;
  /** How many were begun. */
  #images = 0;
  #cancelled = false;
  /** The source goes on: nothing of this handover may begin any more. */
  #over = false;
  /** The last one before the commit, which may outlive its deadline. */
  #step: Promise<unknown> = Promise.resolve();
  /** The target's word that it can run its copy, or why not. */
  #restored: Promise<MessageOf<'restored'>> | undefined;

  constructor(ports: EnginePorts, handover: Handover, source: SourcePort) {
    this.#ports = ports;
    this.#handover = handover;
    this.#source = source;
  }

  /** What a restarted agent needs to go on. */
  journalFacts(): Record<string, unknown> {
    return { ...this.#handover.journalFacts(), attachments: this.#attachments, container: this.#source.journalFacts() };
  }

  /** After a restart of the agent: the dump may be held, the links may be gated. */
  recover({ attachments, container }: RecoveredFacts): void {
    this.#attachments = attachments;
    this.#source.recover(container);
    this.#dumpStarted = true;
  }

  /** Ends the handover before its commit; the effect that runs fails at its next word with the target. */
  cancel(reason: string): void {
    this.#cancelled = true;
    this.#handover.fail(new GodwitError('ERR_ABORTED', reason));
    this.#connection?.destroy();
  }

  /**
   * Between two plain hosts the journal is all that knows of a commit; an arbiter of its own may know of it as well.
   */
  async holdsUnwritten(state: string, error: GodwitError): Promise<boolean> {
    const { log } = this.#ports;
    const { id } = this.#handover.identity;
    const asked = revokeEffect(this.#ports, this.#handover, ({ message }) =>
      log.warn({ handover: id, error: message }, 'Arbiter did not say whether it is committed'),
    );
    if (state === 'activating' && (await asked()) === 'done') return true;
    this.#handover.fail(error);
    return false;
  }

  /** Where a step asks a port that has a deadline of its own, the step has twice that time: the port gives up first. */
  effects(): Record<string, Effect> {
    const {
      clock,
      config: { deadlines },
      log,
    } = this.#ports;
    const logged = (error: GodwitError) =>
      log.warn(
        { handover: this.#handover.identity.id, code: error.code, error: error.message },
        'Step failed and is tried again',
      );
    const known =
      (run: Step['run']): Step['run'] =>
      () => {
        const step = run();
        this.#step = step;
        return step;
      };
    const once = (name: string, limitMs: number, run: Step['run']) =>
      effect(this.#handover, { name, limitMs, run: known(run), clock });
    const untilDone = (name: string, limitMs: number, run: Step['run']) =>
      persistentEffect({ name, limitMs, run, clock }, logged);
    return {
      prepare: once('preparing', deadlines.prepareMs, async () => {
        const outcome = await this.#prepare(deadlines.prepareMs);
        if (outcome === 'refused') this.#connection?.end();
        return outcome;
      }),
      awaitPages: once('the memory of the move before', 2 * deadlines.pagesMs, () =>
        this.#awaitPages(deadlines.pagesMs),
      ),
      copy: once('copying', deadlines.copyMs, () => this.#copy(deadlines.copyMs)),
      freeze: once('freezing', 2 * deadlines.freezeMs, () => this.#freeze(deadlines.freezeMs)),
      dump: once('dumping', deadlines.dumpMs, () => this.#dump(deadlines.dumpMs)),
      awaitRestored: once('the restore', deadlines.restoreMs, () => this.#awaitRestored()),
      askArbiter: commitEffect(this.#ports, this.#handover, () => this.#askArbiter(), logged),
      awaitActivated: untilDone('the activation', 2 * deadlines.settleMs, () =>
        this.#awaitActivated(deadlines.settleMs),
      ),
      release: untilDone('the release', 2 * deadlines.dumpMs, () => this.#release(deadlines.dumpMs)),
      reclaim: untilDone('reclaiming', deadlines.dumpMs, () => this.#reclaim()),
      rollBack: untilDone('rolling back', 2 * (deadlines.freezeMs + deadlines.dumpMs), () => this.#rollBack(deadlines)),
    };
  }

  async #prepare(limitMs: number): Promise<'refused' | void> {
    const { timeline, identity } = this.#handover;
    return timeline.measure('prepare', async () => {
      const facts = await this.#source.facts();
      this.#facts = facts;
      this.#attachments = facts.spec.netns === undefined ? [] : await this.#ports.links.attachmentsOf(facts.spec.netns);
      if (this.#attachments.length > 0)
        this.#handover.epoch = Math.max(...this.#attachments.map(({ epoch }) => epoch)) + 1;
      this.#handover.notes.push(...facts.notes);
      this.#handover.refusals.push(...facts.refusals);
      if (facts.refusals.length > 0 || (await this.#rehearse()) === 'refused') return 'refused';
      const connection = await this.#connect('handover', limitMs);
      if (this.#handover.refusals.length > 0) return 'refused';
      await connection.send(await prepareMessage(facts, this.#attachments, this.#ports));
      const answer = await connection.expect(limitMs, 'ready', 'refused');
      if (answer.type === 'ready') return undefined;
      this.#handover.refusals.push(...answer.refusals);
      this.#handover.notes.push(...answer.notes);
      this.#ports.log.info({ handover: identity.id }, 'Target refused the handover');
      return 'refused';
    });
  }

  /** The dump is tried before anything depends on it. */
  async #rehearse(): Promise<'refused' | void> {
    const { measures, notes, refusals } = this.#handover;
    const report = await this.#handover.timeline.measure('rehearse', () => this.#source.rehearse());
    notes.push(...report.notes);
    refusals.push(...report.refusals);
    measures.rehearsalPauseMs = report.figures?.pauseMs;
    measures.rehearsalDumpMs = report.figures?.dumpMs;
    return report.refusals.length > 0 ? 'refused' : undefined;
  }

  /** Greets the target, compares the nodes and measures the clocks' difference. */
  async #connect(purpose: MessageOf<'hello'>['purpose'], limitMs: number): Promise<PeerConnection> {
    const connection = await this.#ports.connect(this.#handover.identity.to);
    if (purpose === 'handover' && (this.#cancelled || this.#over)) {
      connection.destroy();
      throw new GodwitError('ERR_ABORTED', 'the handover was given up before it was connected');
    }
    this.#connection = connection;
    const sentAt = epochNow();
    await connection.send({
      type: 'hello',
      protocol: protocolVersion,
      handover: this.#handover.identity.id,
      sentAt,
      purpose,
    });
    const welcome = await connection.expect(limitMs, 'welcome');
    this.#clockOffsetMs = clockOffsetMs(sentAt, welcome.receivedAt, welcome.sentAt, epochNow());
    if (purpose === 'handover')
      this.#handover.refusals.push(...incompatibilities(await this.#ports.nodeFacts(), welcome.facts));
    return connection;
  }

  /** A dump of memory that is still to come would be a dump of zeros. */
  async #awaitPages(limitMs: number): Promise<void> {
    const { clock } = this.#ports;
    const deadline = clock.nowMs() + limitMs;
    await this.#handover.timeline.measure('await-pages', async () => {
      for (let bytes = this.#source.bytesToCome(); bytes > 0; bytes = this.#source.bytesToCome()) {
        if (this.#cancelled)
          throw new GodwitError('ERR_ABORTED', 'the handover was given up while memory was still to come');
        if (clock.nowMs() > deadline)
          throw new GodwitError(
            'ERR_MEMORY_TO_COME',
            `${bytes} bytes of its memory were still to come after ${limitMs} ms`,
          );
        await pause(clock, pagesPollMs);
      }
    });
  }

  /** Copies files while the container runs, until few are left; then starts the dump up to CRIU's first look. */
  async #copy(limitMs: number): Promise<void> {
    const { measures, timeline } = this.#handover;
    const files = new FileRounds(this.#ports.files, this.#facts?.roots ?? [], this.#source);
    this.#files = files;
    await timeline.measure('memory', () => this.#copyMemory(limitMs));
    await timeline.measure('pre-copy', async () => {
      for (let round = 1, entries = Infinity; round <= maxRounds && entries > fewFiles; round += 1) {
        const counts = await files.running(this.#required(), limitMs);
        ({ entries } = counts);
        measures.files = (measures.files ?? 0) + counts.entries;
        measures.fileBytes = (measures.fileBytes ?? 0) + counts.bytes;
      }
    });
    this.#mustGoOn();
    this.#dumpStarted = true;
    await timeline.measure('start-dump', () => this.#source.startDump(limitMs));
    // Asked for now, since it costs milliseconds that the freeze does not have.
    measures.connections = this.#source.liveConnections();
    await this.#forLinks(async (link) => void this.#neighbours.push(...(await this.#ports.links.neighbours(link))));
  }

  async #copyMemory(limitMs: number): Promise<void> {
    const { identity, measures } = this.#handover;
    const { rounds, failure } = await this.#source.copyMemory(this.#imageSink(this.#required()), limitMs);
    if (failure !== undefined)
      this.#ports.log.warn({ handover: identity.id, error: failure.message }, 'Memory is not copied before the freeze');
    if (rounds.length === 0) return;
    measures.memoryRounds = rounds.length;
    measures.memoryBytes = rounds.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** What is frozen or shut behind the roll-back's back is let go at once. */
  async #freeze(limitMs: number): Promise<void> {
    try {
      await this.#freezeUntilSettled(limitMs);
    } finally {
      if (this.#over) await this.#thaw();
    }
  }

  async #freezeUntilSettled(limitMs: number): Promise<void> {
    const { measures, timeline } = this.#handover;
    for (let attempt = 1; ; attempt += 1) {
      this.#mustGoOn();
      measures.frozenAt = epochNow();
      await timeline.measure('freeze', () => this.#source.freeze(limitMs));
      this.#mustGoOn();
      await timeline.measure('gate', () => this.#forLinks((link) => this.#ports.links.gate(link)));
      this.#mustGoOn();
      const unsettled = this.#source.unsettled();
      if (unsettled.length === 0) break;
      await this.#thaw();
      if (attempt === freezeAttempts)
        throw new GodwitError('ERR_QUEUED_CONNECTIONS', `in each of ${freezeAttempts} tries: ${unsettled.join(', ')}`);
      await pause(this.#ports.clock, settleMs);
    }
    await this.#required().send({ type: 'frozen', neighbours: this.#neighbours });
  }

  async #dump(limitMs: number): Promise<void> {
    const { measures, timeline } = this.#handover;
    const connection = this.#required();
    const images = timeline.measure(
      'dump',
      async () => {
        const sent = await this.#source.dump(this.#imageSink(connection), limitMs);
        measures.imageBytes = sent.reduce((sum, { bytes }) => sum + bytes, 0);
        return sent;
      },
      () => measures.imageBytes ?? 0,
    );
    const files = timeline.measure('late-files', () => this.#lateFiles(connection, limitMs));
    const lost = this.#expectRestored(connection, files, limitMs + this.#ports.config.deadlines.restoreMs);
    const [sent, late] = await settleBoth(images, files).catch((error: unknown) => {
      throw lost.reason ?? error;
    });
    measures.lateFiles = late.entries;
    if (await this.#source.madeNames()) await timeline.measure('names', async () => this.#files?.named(connection));
    await connection.send({ type: 'images-end', images: sent });
    measures.wireBytes = connection.sentBytes;
  }

  /** Numbers the images of a handover through. */
  #imageSink(connection: PeerConnection): ImageSink {
    return {
      open: async (name) => {
        const number = this.#images;
        this.#images += 1;
        await connection.send({ type: 'image', number, name });
        return (bytes) => connection.sendImage(number, bytes);
      },
    };
  }

  async #lateFiles(connection: PeerConnection, limitMs: number): Promise<FileCounts> {
    if (this.#files === undefined) throw new GodwitError('ERR_INTERNAL', 'no files were copied before the freeze');
    return this.#files.frozen(connection, limitMs);
  }

  /**
   * After the last files the target's next word is `restored`. Any other ends the connection, and with it the sending
   * of images that nobody reads.
   */
  #expectRestored(connection: PeerConnection, files: Promise<unknown>, limitMs: number): { reason?: GodwitError } {
    const lost: { reason?: GodwitError } = {};
    this.#restored = files.then(() => expectAfterRounds(connection, limitMs));
    this.#restored.catch((error: unknown) => {
      lost.reason = asGodwitError(error);
      connection.destroy();
    });
    return lost;
  }

  async #awaitRestored(): Promise<void> {
    const restored = await this.#handover.timeline.measure('await-restored', async () => this.#restored);
    this.#handover.notes.push(...(restored?.notes ?? []));
  }

  async #askArbiter(): Promise<void> {
    const { identity, timeline } = this.#handover;
    if (this.#cancelled || this.#connection === undefined)
      throw new GodwitError('ERR_ABORTED', 'the handover was given up before its commit');
    if (!this.#source.claim()) throw agentHung(this.#ports.config.node);
    const answer = await timeline.measure('commit', () =>
      this.#ports.arbiter.commit(identity.id, this.#handover.epoch ?? 0),
    );
    if (answer === 'revoked') throw new GodwitError('ERR_COMMIT_REFUSED', 'the arbiter refused the commit');
  }

  /**
   * Tells the target of the commit until it says what became of it. One that is gone may have run: the source does not
   * go on from an older state.
   */
  async #awaitActivated(limitMs: number): Promise<'lost' | void> {
    try {
      const connection = this.#connection ?? (await this.#connect('settle', limitMs));
      await connection.send({ type: 'commit', epoch: Math.max(this.#handover.epoch ?? 1, 1) });
      const answer = await connection.expect(limitMs, 'activated', 'lost');
      if (answer.type === 'lost') {
        this.#handover.fail(new GodwitError('ERR_TARGET_LOST', answer.reason));
        return 'lost';
      }
      this.#takeMeasures(answer);
    } catch (error) {
      this.#connection?.destroy();
      this.#connection = undefined;
      if (!this.#ports.isGone(this.#handover.identity.to)) throw error;
      this.#ports.log.warn(
        { handover: this.#handover.identity.id, node: this.#handover.identity.to },
        'The target is gone for good, and the workload with it',
      );
    }
    return undefined;
  }

  #takeMeasures({ timeline, measures }: MessageOf<'activated'>): void {
    const own = this.#handover.measures;
    this.#handover.peerSteps = shiftSteps(timeline, this.#clockOffsetMs);
    const { resumedAt, ...others } = measures;
    Object.assign(own, others);
    if (resumedAt !== undefined) own.resumedAt = resumedAt - this.#clockOffsetMs;
    if (own.frozenAt !== undefined && own.resumedAt !== undefined) own.freezeMs = own.resumedAt - own.frozenAt;
    const criuMs = this.#source.criuMs();
    if (criuMs !== undefined) own.criuDumpMs = criuMs;
  }

  async #release(limitMs: number): Promise<void> {
    const { identity, timeline, epoch } = this.#handover;
    await timeline.measure('release', async () => {
      await this.#forLinks((link) => ifThere(this.#ports.links.surrender(link, epoch ?? link.epoch + 1, identity.to)));
      await this.#source.releaseDump(limitMs);
      await this.#source.remove();
      await this.#forLinks((link) => this.#ports.links.remove(link.containerId, link.ifName));
      await this.#source.removeNetwork();
      await this.#finish();
    });
  }

  /** The target proved that its copy never ran: the epoch grows once more, and this node holds the addresses again. */
  async #reclaim(): Promise<void> {
    const epoch = (this.#handover.epoch ?? 1) + 1;
    await this.#forLinks((link) => ifThere(this.#ports.links.activate(link, epoch)));
    this.#handover.epoch = epoch;
  }

  async #rollBack({ dumpMs: limitMs, freezeMs }: AgentConfig['deadlines']): Promise<void> {
    const { timeline } = this.#handover;
    this.#over = true;
    if (this.#source.wasLetGo()) this.#handover.error = agentHung(this.#ports.config.node);
    await timeline.measure('roll-back', async () => {
      void this.#tellAbort(this.#handover.error?.message ?? 'the source gave up');
      await this.#quiet(2 * freezeMs);
      if (this.#dumpStarted) await this.#source.abandonDump(limitMs);
      await this.#thaw();
      await this.#finish();
    });
  }

  /**
   * A step goes on when its deadline has passed: it is waited for, so that it makes nothing behind the roll-back's
   * back.
   */
  async #quiet(limitMs: number): Promise<void> {
    const { clock, log } = this.#ports;
    await withDeadline(Promise.allSettled([this.#step]), limitMs, 'the end of a step that took too long', clock).catch(
      (error: unknown) =>
        log.warn(
          { handover: this.#handover.identity.id, error: asGodwitError(error).message },
          'Rolling back while a step still runs',
        ),
    );
  }

  /** For steps that found their deadline passed. */
  #mustGoOn(): void {
    if (this.#over) throw new GodwitError('ERR_ABORTED', 'the handover is being rolled back');
  }

  /** The container goes on even if a link cannot be opened; the error is thrown after that. */
  async #thaw(): Promise<void> {
    const opened = await Promise.allSettled(this.#attachments.map((link) => ifThere(this.#ports.links.reopen(link))));
    await this.#source.thaw();
    for (const result of opened) if (result.status === 'rejected') throw result.reason;
  }

  /** A target that cannot be told notices the closed connection, and asks for the outcome if it has to know. */
  async #tellAbort(reason: string): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    try {
      await withDeadline(
        connection.send({ type: 'abort', reason: reason.slice(0, 4000) }),
        farewellMs,
        'telling the target',
        this.#ports.clock,
      );
      connection.end();
    } catch {
      connection.destroy();
    }
  }

  async #finish(): Promise<void> {
    this.#connection?.end();
    await this.#files?.[Symbol.asyncDispose]();
    this.#source.cleanUp();
  }

  async #forLinks(action: (link: Attachment) => Promise<void>): Promise<void> {
    await Promise.all(this.#attachments.map(action));
  }

  #required(): PeerConnection {
    if (this.#connection === undefined) throw new GodwitError('ERR_PEER_LOST', 'there is no connection to the target');
    return this.#connection;
  }
}

/** What it did before it was stopped, or what timed out meanwhile, is not the reason. */
function agentHung(node: string): GodwitError {
  const fact = `the agent of ${node} was silent while the container stood still; its watchdog let the container go on`;
  return new GodwitError('ERR_AGENT_HUNG', fact);
}

/** What the target says of files that it was sent once more comes before. */
async function expectAfterRounds(connection: PeerConnection, limitMs: number): Promise<MessageOf<'restored'>> {
  for (;;) {
    const message = await connection.expect(limitMs, 'restored', 'round-applied');
    if (message.type === 'restored') return message;
  }
}
