// Where a replacement's `create` meets the handover that waits for it.
import type { OciArguments } from '#agent/runtime/oci-arguments.ts';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';

export interface WaitingCreate {
  create: Conversation;
  oci: OciArguments;
}

export class CreateDesk {
  readonly #expected = new Map<string, PromiseWithResolvers<WaitingCreate>>();

  /** Resolves with the `create` whose container bears the annotation godwit.dev/handover = `handover`. */
  expect(handover: string): Promise<WaitingCreate> {
    const expected = Promise.withResolvers<WaitingCreate>();
    this.#expected.set(handover, expected);
    return expected.promise;
  }

  forget(handover: string): void {
    this.#expected.delete(handover);
  }

  /** Whether somebody waits for it; if so it has been handed over to them. */
  arrive(handover: string, waiting: WaitingCreate): boolean {
    const expected = this.#expected.get(handover);
    this.#expected.delete(handover);
    expected?.resolve(waiting);
    return expected !== undefined;
  }
}
