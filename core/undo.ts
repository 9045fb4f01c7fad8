// Every effect has its undo beside it: a stack of undo steps that runs when the work that pushed them did not finish.

/** One undo step. It must be safe to run twice and must not assume that the effect was completed. */
export type UndoStep = () => void | Promise<void>;

/**
 * A stack of undo steps for `await using`: leaving the scope runs them last-in first-out, unless `commit()` was called.
 * A failing step does not stop the ones below it; their errors are gathered into one AggregateError.
 */
export class Undo implements AsyncDisposable {
  #steps: UndoStep[] = [];

  push(step: UndoStep): void {
    this.#steps.push(step);
  }

  /** The work is complete: forget the undo steps. */
  commit(): void {
    this.#steps = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'undo steps failed');
  }
}
