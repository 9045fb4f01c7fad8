// The rounds in which the changed files of a container go to the target: while it runs, and once more when it stands
// still.
import type { SourcePort } from '#agent/engine/ports.ts';
import type { FileCounts, FilePort, FileRoot, FileSender, Round } from '#agent/files/port.ts';
import type { PeerConnection } from '#agent/transfer/connection.ts';

export class FileRounds implements AsyncDisposable {
  readonly #senders: FileSender[];
  readonly #source: Pick<SourcePort, 'sharedMappings' | 'openFiles'>;
  /**
   * By root: files that were mapped shared and writable when a round began or ended. Only the first write through a
   * mapping changes a file's times, so one that came after a round had read the file shows nowhere once the mapping is
   * gone.
   */
  readonly #mapped: Set<string>[];

  constructor(files: FilePort, roots: readonly FileRoot[], source: Pick<SourcePort, 'sharedMappings' | 'openFiles'>) {
    this.#senders = roots.map((root) => files.sender(root));
    this.#mapped = roots.map(() => new Set());
    this.#source = source;
  }

  /** One round over all roots while the container runs; resolves when the target has applied it. */
  async running(connection: PeerConnection, limitMs: number): Promise<FileCounts> {
    return this.#round(connection, limitMs, async (root, send) => {
      await this.#noteMapped(root);
      const counts = await send({ always: new Set(), open: await this.#source.openFiles(root), last: false });
      await this.#noteMapped(root);
      return counts;
    });
  }

  /** The last round: nothing changes any more. */
  async frozen(connection: PeerConnection, limitMs: number): Promise<FileCounts> {
    return this.#round(connection, limitMs, async (root, send) =>
      send({ always: await this.#noteMapped(root), open: new Set(), last: true }),
    );
  }

  /** Names that CRIU made since. The target applies them before it restores, and its answers come before that word. */
  async named(connection: PeerConnection): Promise<void> {
    await this.#send(connection, async (_, send) => send({ always: new Set(), open: new Set(), last: true }));
  }

  async #round(
    connection: PeerConnection,
    limitMs: number,
    one: (root: number, send: SendRoot) => Promise<FileCounts>,
  ): Promise<FileCounts> {
    const total = await this.#send(connection, one);
    for (let applied = 0; applied < this.#senders.length; applied += 1)
      await connection.expect(limitMs, 'round-applied');
    return total;
  }

  async #send(
    connection: PeerConnection,
    one: (root: number, send: SendRoot) => Promise<FileCounts>,
  ): Promise<FileCounts> {
    const total = { entries: 0, bytes: 0 };
    for (const [root, sender] of this.#senders.entries()) {
      const { entries, bytes } = await one(root, (round) =>
        sender.send((frame) => connection.sendFiles(root, frame), round),
      );
      await connection.send({ type: 'round-end', root });
      total.entries += entries;
      total.bytes += bytes;
    }
    return total;
  }

  async #noteMapped(root: number): Promise<ReadonlySet<string>> {
    const noted = this.#mapped[root] ?? new Set();
    for (const path of await this.#source.sharedMappings(root)) noted.add(path);
    return noted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sender of this.#senders.splice(0)) await sender[Symbol.asyncDispose]();
  }
}

type SendRoot = (round: Round) => Promise<FileCounts>;
