// What became of a handover, as the target learns it: told by the source, or asked of the arbiter and the source until
// one knows. Nobody guesses.
import type { Note } from '#core/api/handover.ts';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { observe } from '#core/settled.ts';
import { protocolVersion } from '#core/wire/messages.ts';
import type { HandoverIdentity } from '#agent/engine/handover.ts';
import { pause } from '#core/pause.ts';
import type { Decision, EnginePorts } from '#agent/engine/ports.ts';
import { epochNow } from '#agent/engine/timeline.ts';
import type { PeerConnection } from '#agent/transfer/connection.ts';

const askPauseMs = 100;
const longestAskPauseMs = 5_000;

export class SourceOutcome {
  readonly #ports: EnginePorts;
  readonly #identity: HandoverIdentity;
  readonly #decision = Promise.withResolvers<Decision>();

  #asking = false;

  constructor(ports: EnginePorts, identity: HandoverIdentity) {
    this.#ports = ports;
    this.#identity = identity;
  }

  /** Has no deadline: a copy that is held must not be given up on a guess. */
  get decided(): Promise<Decision> {
    return this.#decision.promise;
  }

  /** The first decision holds. */
  decide(decision: Decision): void {
    this.#decision.resolve(decision);
  }

  /** The source says that it is committed: a reason to ask whoever remembers it, and else its word. */
  confirm(): void {
    if (this.#ports.arbiter.remembers) void this.#askUntilDecided();
    else this.decide('committed');
  }

  /**
   * Says `restored`, with notes if there are any, and listens. When the connection is gone, or says nothing (a node
   * that vanished closes none), arbiter and source are asked until one answers. `onLost` is told when the connection is
   * of no use any more.
   */
  await(connection: PeerConnection | undefined, notes: readonly Note[], onLost: () => void): void {
    const {
      clock,
      config: { deadlines },
    } = this.#ports;
    const silence = connection === undefined ? Promise.resolve() : this.#listen(connection, notes, onLost);
    void Promise.race([silence, pause(clock, deadlines.commitMs)]).then(() => this.#askUntilDecided());
  }

  /** Resolves when there is nothing more to hear. */
  async #listen(connection: PeerConnection, notes: readonly Note[], onLost: () => void): Promise<void> {
    try {
      await connection.send({ type: 'restored', ...(notes.length === 0 ? {} : { notes: [...notes] }) });
      const message = await connection.receiveMessage();
      if (message.type === 'commit') this.confirm();
      else if (message.type === 'abort') this.decide('revoked');
      else throw new GodwitError('ERR_PEER_PROTOCOL', `message ${message.type} while waiting for the commit`);
    } catch (error) {
      this.#ports.log.info(
        { handover: this.#identity.id, error: asGodwitError(error).message },
        'Connection to the source ended before the outcome',
      );
      connection.destroy();
      onLost();
    }
  }

  async #askUntilDecided(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const { from, id } = this.#identity;
    const {
      clock,
      config: {
        deadlines: { commitMs },
      },
    } = this.#ports;
    const decided = observe(this.decided);
    await Promise.resolve(); // a decision made before is seen
    for (let pauseMs = askPauseMs; !decided.over; pauseMs = Math.min(pauseMs * 2, longestAskPauseMs)) {
      const asked = withDeadline(this.#ask(), 3 * commitMs, 'asking for the outcome', clock);
      const outcome = await asked.catch((error: unknown) => {
        this.#ports.log.warn(
          { handover: id, node: from, error: asGodwitError(error).message },
          'Source did not tell the outcome',
        );
        return 'pending' as const;
      });
      if (outcome !== 'pending') this.decide(outcome);
      else await pause(clock, pauseMs);
    }
  }

  /** The arbiter first: a source that died after its commit will not tell. */
  async #ask(): Promise<Decision | 'pending'> {
    const {
      arbiter,
      clock,
      config: {
        deadlines: { commitMs },
      },
      log,
    } = this.#ports;
    const { id } = this.#identity;
    const known = await withDeadline(arbiter.outcome(id), commitMs, 'asking the arbiter', clock).catch(
      (error: unknown) => {
        log.warn({ handover: id, error: asGodwitError(error).message }, 'Arbiter did not tell the outcome');
        return 'pending' as const;
      },
    );
    if (known !== 'pending') return known;
    const told = await this.#askSource();
    return told === 'committed' && arbiter.remembers ? 'pending' : told;
  }

  async #askSource(): Promise<Decision | 'pending'> {
    const connection = await this.#ports.connect(this.#identity.from);
    try {
      await connection.send({
        type: 'hello',
        protocol: protocolVersion,
        handover: this.#identity.id,
        sentAt: epochNow(),
        purpose: 'outcome',
      });
      return (await connection.expect(this.#ports.config.deadlines.commitMs, 'outcome')).outcome;
    } finally {
      connection.destroy();
    }
  }
}
