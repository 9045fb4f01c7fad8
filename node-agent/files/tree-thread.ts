// The agent's end of a tree's worker: calls, frames in order with backpressure, and an orderly end.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError, errorFromRecord, GodwitError } from '#core/errors.ts';
import type { FileCounts, FrameSink, Round } from '#agent/files/port.ts';
import type { FromWorker, Request, ToWorker, WorkerRole } from '#agent/files/worker-messages.ts';

/** A close waits for the system call under way, at most for this long. */
const closeLimitMs = 5000;

export class TreeThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #exited: Promise<unknown>;
  readonly #calls = new Map<number, PromiseWithResolvers<FileCounts>>();
  #nextId = 0;
  #ended: GodwitError | undefined;
  #sink: FrameSink | undefined;
  #frames = Promise.resolve();
  #sinkFailed = Promise.withResolvers<never>();

  constructor(role: WorkerRole) {
    this.#worker = new Worker(new URL('./tree-worker.ts', import.meta.url), {
      workerData: role,
      // The addon opens descriptors that Node does not know of.
      trackUnmanagedFds: false,
    });
    this.#exited = once(this.#worker, 'exit').catch(() => {});
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => this.#end(asGodwitError(error)));
    this.#worker.on('exit', () => this.#end(new GodwitError('ERR_ABORTED', 'the file mover was closed')));
  }

  /** One call after the other; rejects with the worker's error. */
  async call(request: Request): Promise<FileCounts> {
    if (this.#ended !== undefined) throw this.#ended;
    const id = this.#nextId;
    this.#nextId += 1;
    const settled = Promise.withResolvers<FileCounts>();
    this.#calls.set(id, settled);
    this.#post({ kind: 'call', id, request });
    return settled.promise;
  }

  /** A `send` call whose frames go to `sink`; rejects with the sink's error when that fails. Only one at a time. */
  async send(sink: FrameSink, round: Round): Promise<FileCounts> {
    if (this.#sink !== undefined) throw new GodwitError('ERR_INTERNAL', 'a round of files is still being sent');
    this.#sink = sink;
    this.#frames = Promise.resolve();
    this.#sinkFailed = Promise.withResolvers<never>();
    // Awaited below only while a round is being sent; a later rejection concerns nobody.
    this.#sinkFailed.promise.catch(() => {});
    try {
      const counts = await Promise.race([this.call({ name: 'send', round }), this.#sinkFailed.promise]);
      await Promise.race([this.#frames, this.#sinkFailed.promise]);
      return counts;
    } finally {
      this.#sink = undefined;
    }
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message, []);
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'frame') {
      this.#frames = this.#frames.then(() => this.#pass(Buffer.from(message.frame.buffer)));
      return;
    }
    const call = this.#calls.get(message.id);
    this.#calls.delete(message.id);
    if (message.kind === 'done') call?.resolve(message.counts);
    else call?.reject(errorFromRecord(message.error));
  }

  async #pass(frame: Buffer): Promise<void> {
    if (this.#sink === undefined) return;
    try {
      await this.#sink(frame);
      this.#post({ kind: 'taken' });
    } catch (error) {
      this.#sink = undefined;
      this.#sinkFailed.reject(error);
      this.#post({ kind: 'refused' });
    }
  }

  #end(error: GodwitError): void {
    this.#ended ??= error;
    for (const call of this.#calls.values()) call.reject(this.#ended);
    this.#calls.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended === undefined) this.#post({ kind: 'close' });
    try {
      await withDeadline(this.#exited, closeLimitMs, 'closing a file mover');
    } finally {
      await this.#worker.terminate();
    }
  }
}
