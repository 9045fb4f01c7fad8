// godwit-tracker follows which memory of a container is written, and reads it while the container runs.
import { spawn, type ChildProcess } from 'node:child_process';
import { z } from 'zod';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { FrameDecoder, frameKinds, type Frame } from '#core/wire/frames.ts';
import { PageRanges, type PageRange } from '#agent/memory/page-ranges.ts';
import { memoryKey, pageBytes, parseRecord, type MemoryKey } from '#agent/memory/page-records.ts';
import { besideContainerd } from '#agent/runtime/beside-containerd.ts';

const messageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('followed'), tracked: z.boolean() }),
  z.object({
    type: z.literal('unknown'),
    shared: z.boolean(),
    id: z.number(),
    start: z.number(),
    end: z.number(),
  }),
  z.object({ type: z.literal('let-go') }),
  z.object({ type: z.literal('done') }),
]);

const saidLength = 500;

/** Ranges that one command asks for. */
const rangesPerCommand = 512;

/** Takes a record; the buffer is free again when this resolves. */
export type RecordSink = (record: Buffer) => Promise<void>;

export class MemoryTracker {
  readonly #child: ChildProcess;
  readonly #frames: AsyncIterator<Frame>;
  /** Which pages the target has as they are. */
  readonly #held = new Map<MemoryKey, PageRanges>();
  #failure: GodwitError | undefined;
  #sentBytes = 0;
  /** The last of what it complained about. */
  #said = '';

  /** It outlives the agent's own cgroup, so that it is never ended while a thread of the container is stopped. */
  constructor(program: string) {
    const [command, ...args] = besideContainerd([program]);
    this.#child = spawn(command, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.unref();
    this.#child.on('error', (error) => this.#fail(error.message));
    this.#child.stdin?.on('error', (error) => this.#fail(error.message));
    this.#child.stderr?.on(
      'data',
      (said: Buffer) => (this.#said = `${this.#said}${said.toString()}`.slice(-saidLength)),
    );
    this.#frames = framesOf(this.#child);
  }

  /** Why it gives no more; undefined while it works. */
  get failure(): GodwitError | undefined {
    return this.#failure;
  }

  /** Bytes of pages that it has given so far. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /**
   * Begins to follow a process. False when the kernel does not tell of its writes: then its memory is compared.
   * @param ownPid in its own PID namespace
   */
  async process(pid: number, ownPid: number, limitMs: number): Promise<boolean> {
    let tracked = false;
    await this.#command(`process ${pid} ${ownPid}`, limitMs, nowhere, (message) => {
      if (message.type === 'followed') ({ tracked } = message);
    });
    return tracked;
  }

  /** A process that stands still, and is only read. */
  async frozen(pid: number, ownPid: number, limitMs: number): Promise<void> {
    await this.#command(`frozen ${pid} ${ownPid}`, limitMs);
  }

  /** Begins to follow shared memory, whose content is that of the file. */
  async shared(id: number, path: string, limitMs: number): Promise<void> {
    await this.#command(`shared ${id} ${path}`, limitMs);
  }

  /** Begins to follow a System V segment that nobody has attached, in the IPC namespace of a process. */
  async attached(id: number, pid: number, limitMs: number): Promise<void> {
    await this.#command(`attach ${id} ${pid}`, limitMs);
  }

  /** Sends what was written since the last round, the first time all. */
  async round(sink: RecordSink, limitMs: number): Promise<void> {
    await this.#command('round', limitMs, sink);
  }

  /**
   * Of processes that stand still: sends what was written since the last round. `letGo` is called when nothing of the
   * tracker is left in them, and they may be dumped.
   */
  async final(sink: RecordSink, letGo: () => void, limitMs: number): Promise<void> {
    await this.#command('final', limitMs, sink, ({ type }) => {
      if (type === 'let-go') letGo();
    });
  }

  /** Sends those of the pages that the target does not have. */
  async missing(key: MemoryKey, pages: readonly PageRange[], sink: RecordSink, limitMs: number): Promise<void> {
    const held = this.#heldOf(key);
    const missing = pages.flatMap(({ start, end }) => held.missing(start, end));
    const command = key.replace(/^(?=\d)/, 'read ').replace('shmem-', 'read-shared ');
    for (let at = 0; at < missing.length; at += rangesPerCommand) {
      const ranges = missing.slice(at, at + rangesPerCommand);
      const asked = ranges.map(({ start, end }) => `${start} ${(end - start) / pageBytes}`).join(' ');
      await this.#command(`${command} ${asked}`, limitMs, sink);
    }
  }

  /** Nothing of it is left in the processes soon after. */
  close(): void {
    this.#fail('it was closed');
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  async #command(
    line: string,
    limitMs: number,
    sink: RecordSink = nowhere,
    heard: (message: z.infer<typeof messageSchema>) => void = () => undefined,
  ): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#child.stdin?.write(`${line}\n`);
    for (;;) {
      const frame = await withDeadline(this.#next(), limitMs, 'godwit-tracker');
      if (frame.kind === frameKinds.message) {
        const message = messageSchema.parse(JSON.parse(frame.payload.toString()));
        if (message.type === 'done') return;
        if (message.type === 'unknown')
          this.#heldOf(memoryKey(message.id, message.shared)).remove(message.start, message.end);
        heard(message);
      } else {
        this.#note(frame.payload);
        await sink(frame.payload);
      }
    }
  }

  #note(record: Buffer): void {
    const { key, runs, content } = parseRecord(record);
    const held = this.#heldOf(key);
    for (const { start, pages } of runs) held.add(start, start + pages * pageBytes);
    this.#sentBytes += content.length;
  }

  async #next(): Promise<Frame> {
    const { done, value } = await this.#frames.next();
    if (this.#failure !== undefined) throw this.#failure;
    if (done === true) throw this.#fail(`it has ended: ${this.#said.trim()}`);
    return value;
  }

  #heldOf(key: MemoryKey): PageRanges {
    const known = this.#held.get(key);
    if (known !== undefined) return known;
    const held = new PageRanges();
    this.#held.set(key, held);
    return held;
  }

  #fail(fact: string): GodwitError {
    this.#failure ??= new GodwitError('ERR_DUMP', `godwit-tracker does not read the memory: ${fact}`);
    return this.#failure;
  }
}

const nowhere: RecordSink = () => Promise.resolve();

async function* framesOf({ stdout }: ChildProcess): AsyncGenerator<Frame, undefined> {
  const decoder = new FrameDecoder();
  if (stdout === null) return undefined;
  try {
    for await (const chunk of stdout) for (const frame of decoder.push(Buffer.from(chunk))) yield frame;
  } catch (error) {
    throw new GodwitError('ERR_DUMP', `godwit-tracker cannot be heard: ${asGodwitError(error).message}`);
  }
  return undefined;
}
