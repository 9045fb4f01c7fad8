// The memory of a container that moves: copied in rounds while it runs, completed in its freeze.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GodwitError } from '#core/errors.ts';
import { discardPages, isDiscarded } from '#agent/criu/discarded-pages.ts';
import type { ImageSink, ImageWriter, SentImage } from '#agent/criu/image-tail.ts';
import { descriptorOf, livingProcesses, sharedMemory, type LivingProcess } from '#agent/memory/container-memory.ts';
import { MemoryTracker } from '#agent/memory/memory-tracker.ts';
import { keyOfPageMap, presentRuns, readPageMap } from '#agent/memory/page-maps.ts';
import { memoryImage } from '#agent/memory/page-records.ts';
import { isWorthARound, type MemoryRound, type PreCopyLimits } from '#agent/memory/pre-copy.ts';

/** Processes that have less memory of their own are read in the freeze only. */
const followedFromBytes = 256 * 1024;
const maxFollowed = 1024;

export class MovingMemory {
  readonly #tracker: MemoryTracker;
  readonly #write: ImageWriter;
  readonly #pids: () => number[];
  readonly #followed = new Set<string>();
  #bytes = 0;
  /** Of what was found in the freeze. */
  #writtenSent: Promise<void> = Promise.resolve();

  private constructor(tracker: MemoryTracker, write: ImageWriter, pids: () => number[]) {
    this.#tracker = tracker;
    this.#write = write;
    this.#pids = pids;
  }

  /** @param pids the processes of the container, at the time of the call */
  static async start(program: string, pids: () => number[], sink: ImageSink): Promise<MovingMemory> {
    return new MovingMemory(new MemoryTracker(program), await sink.open(memoryImage), pids);
  }

  /** Copies memory until another round would gain nothing; rejects as `write` does, and when the tracker fails. */
  async copy(limits: PreCopyLimits, limitMs: number): Promise<MemoryRound[]> {
    const done: MemoryRound[] = [];
    while (isWorthARound(done, limits)) done.push(await this.#round(limitMs));
    return done;
  }

  /** Why memory cannot be read before the freeze; undefined while it can. */
  get failure(): GodwitError | undefined {
    return this.#tracker.failure;
  }

  /** What was sent so far. */
  get sent(): SentImage {
    return { name: memoryImage, bytes: this.#bytes };
  }

  async #round(limitMs: number): Promise<MemoryRound> {
    const [startedAt, before] = [performance.now(), this.#tracker.sentBytes];
    const pids = this.#pids();
    for (const { pid, ownPid } of biggest(livingProcesses(pids)))
      await this.#once(`process ${pid} ${ownPid}`, () => this.#tracker.process(pid, ownPid, limitMs));
    for (const [id, path] of sharedMemory(pids))
      await this.#once(`shared ${id}`, () => this.#tracker.shared(id, path, limitMs));
    await this.#tracker.round((record) => this.#send(record), limitMs);
    return { bytes: this.#tracker.sentBytes - before, ms: performance.now() - startedAt };
  }

  async #once(what: string, follow: () => Promise<unknown>): Promise<void> {
    if (this.#followed.has(what)) return;
    this.#followed.add(what);
    await follow();
  }

  /** In the freeze, before the dump: what was written lately is sent. Resolves when the container may be dumped. */
  async beforeDump(images: string, limitMs: number): Promise<void> {
    discardPages(images, livingProcesses(this.#pids()).length);
    const letGo = Promise.withResolvers<void>();
    this.#writtenSent = this.#tracker.final((record) => this.#send(record), letGo.resolve, limitMs);
    this.#writtenSent.catch(letGo.reject);
    await letGo.promise;
  }

  /** When CRIU has said which pages there are: those that the target does not have yet are sent. */
  async afterDump(images: string, limitMs: number): Promise<SentImage> {
    await this.#writtenSent;
    const pids = this.#pids();
    const shared = sharedMemory(pids);
    const processes = new Map(livingProcesses(pids).map(({ pid, ownPid }) => [ownPid, pid]));
    for (const name of readdirSync(images)) {
      const key = keyOfPageMap(name);
      if (key === undefined) continue;
      const map = readPageMap(readFileSync(join(images, name)));
      if (!isDiscarded(images, map)) continue;
      const id = Number(key.replace('shmem-', ''));
      if (key.startsWith('shmem-')) await this.#followShared(id, shared.get(id), pids, limitMs);
      else await this.#followProcess(id, processes.get(id), limitMs);
      await this.#tracker.missing(key, presentRuns(map), (record) => this.#send(record), limitMs);
    }
    return this.sent;
  }

  async #followProcess(ownPid: number, pid: number | undefined, limitMs: number): Promise<void> {
    if (pid === undefined) throw new GodwitError('ERR_DUMP', `CRIU has dumped process ${ownPid}, which is not there`);
    await this.#once(`process ${pid} ${ownPid}`, () => this.#tracker.frozen(pid, ownPid, limitMs));
  }

  async #followShared(id: number, path: string | undefined, pids: readonly number[], limitMs: number): Promise<void> {
    const file = path ?? descriptorOf(pids, id);
    const [first] = pids;
    await this.#once(`shared ${id}`, async () => {
      if (file !== undefined) await this.#tracker.shared(id, file, limitMs);
      else if (first !== undefined) await this.#tracker.attached(id, first, limitMs);
    });
  }

  close(): void {
    this.#tracker.close();
  }

  async #send(record: Buffer): Promise<void> {
    this.#bytes += record.length;
    await this.#write(record);
  }
}

function biggest(processes: readonly LivingProcess[]): LivingProcess[] {
  return processes
    .filter(({ ownBytes }) => ownBytes >= followedFromBytes)
    .toSorted((one, other) => other.ownBytes - one.ownBytes)
    .slice(0, maxFollowed);
}
