// A running client program: its lines on stdout as promises and progress.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { withDeadline } from '#core/deadline.ts';
import { GodwitError } from '#core/errors.ts';
import { lineSchema, type Progress, type WorkloadReport } from './report.ts';

export class ClientProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  readonly #reported = Promise.withResolvers<WorkloadReport>();
  readonly #listeners = new Set<(progress: Progress) => void>();
  #latest: Progress | undefined;

  /** `child` is a client program with three pipes, just spawned. */
  constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    const { stdout, stderr } = child;
    if (!stdout || !stderr) throw new GodwitError('ERR_INTERNAL', `client ${name} has no pipes`);
    createInterface({ input: stdout }).on('line', (line) => this.#read(line));
    for (const { promise } of [this.#ready, this.#reported]) promise.catch(() => {}); // Thrown where they are awaited.
    void this.#failAtEnd(text(stderr));
  }

  get latest(): Progress | undefined {
    return this.#latest;
  }

  /** Resolves when all connections are established. */
  async ready(): Promise<void> {
    await withDeadline(this.#ready.promise, 60_000, `start of client ${this.#name}`);
  }

  /** Resolves when the client has counted `operations` more than it last said. */
  async more(operations: number, limitMs: number): Promise<void> {
    const goal = (this.#latest?.operations ?? 0) + operations;
    const reached = Promise.withResolvers<void>();
    const listener = (progress: Progress) => progress.operations >= goal && reached.resolve();
    this.#listeners.add(listener);
    try {
      await withDeadline(
        Promise.race([reached.promise, this.#reported.promise]),
        limitMs,
        `${operations} more operations of ${this.#name}`,
      );
    } finally {
      this.#listeners.delete(listener);
    }
  }

  async stop(): Promise<WorkloadReport> {
    this.#child.stdin?.end('stop\n');
    return await withDeadline(this.#reported.promise, 300_000, `report of client ${this.#name}`);
  }

  #read(json: string): void {
    const line = lineSchema.parse(JSON.parse(json));
    if ('ready' in line) this.#ready.resolve();
    else if ('report' in line) this.#reported.resolve(line.report);
    else {
      this.#latest = line.progress;
      for (const listener of this.#listeners) listener(line.progress);
    }
  }

  /** Does nothing to promises that have settled before. */
  async #failAtEnd(stderr: Promise<string>): Promise<void> {
    const [code] = await once(this.#child, 'close');
    const error = new GodwitError(
      'ERR_HOST_COMMAND',
      `client ${this.#name} ended with ${code}: ${(await stderr).trim()}`,
    );
    this.#ready.reject(error);
    this.#reported.reject(error);
  }
}
