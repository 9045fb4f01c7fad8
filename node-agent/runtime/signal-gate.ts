// Keeps signals waiting while their container stands still: in a dump or behind one they would be lost.
import { setTimeout as sleep } from 'node:timers/promises';
import { GodwitError } from '#core/errors.ts';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';

export class SignalGate {
  readonly #closed = new Map<string, Conversation[]>();
  readonly #underWay = new Map<string, Set<Promise<void>>>();

  /** A `kill` that does not end the container. */
  attend(conversation: Conversation, container: string): void {
    const waiting = this.#closed.get(container);
    if (waiting === undefined) {
      this.#deliver(conversation, container);
      return;
    }
    conversation.askForPatience();
    waiting.push(conversation);
  }

  /** Signals wait from now on; resolves when those before have reached the container. Safe to call twice. */
  async close(container: string, limitMs: number): Promise<void> {
    if (!this.#closed.has(container)) this.#closed.set(container, []);
    const delivered = Promise.all(this.#underWay.get(container) ?? new Set<Promise<void>>()).then(() => true);
    if (await Promise.race([delivered, sleep(limitMs, false)])) return;
    throw new GodwitError('ERR_FREEZE', `a signal for container ${container} was not delivered within ${limitMs} ms`);
  }

  /** The container runs: it gets those that waited. Harmless when the gate is open. */
  open(container: string): void {
    for (const conversation of this.#take(container)) this.#deliver(conversation, container);
  }

  /** The container goes on elsewhere: whoever sent the signal hears it. */
  refuse(container: string): void {
    for (const conversation of this.#take(container)) refuseSignal(conversation, container);
  }

  #deliver(conversation: Conversation, container: string): void {
    const underWay = this.#underWay.get(container) ?? new Set();
    this.#underWay.set(container, underWay);
    const delivery = carryOut(conversation).finally(() => {
      underWay.delete(delivery);
      if (underWay.size === 0) this.#underWay.delete(container);
    });
    underWay.add(delivery);
  }

  #take(container: string): Conversation[] {
    const waiting = this.#closed.get(container) ?? [];
    this.#closed.delete(container);
    return waiting;
  }
}

export function refuseSignal(conversation: Conversation, container: string): void {
  conversation.exit(1, `godwit: container ${container} has moved to another node; send the signal there`);
}

/** By the wrapper's own runc, so that it is known when it is done. */
async function carryOut(conversation: Conversation): Promise<void> {
  try {
    conversation.exit(await conversation.run(conversation.request.args));
  } catch {
    // the wrapper is gone, and whoever sent the signal with it
  }
}
