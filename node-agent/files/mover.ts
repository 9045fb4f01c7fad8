// The file mover as the engine uses it: every tree has a thread of its own.
import { existsSync } from 'node:fs';
import type { FileLimits, FilePort, FileReceiver, FileSender, Round } from '#agent/files/port.ts';
import { forgetLedger } from '#agent/files/received-ledger.ts';
import { TreeThread } from '#agent/files/tree-thread.ts';

const quiet: Round = { always: new Set(), open: new Set(), last: false };

/** Needs build/godwit-files.node; a root that cannot be opened is the error of the first call. */
export const fileMover: FilePort = {
  sender(root): FileSender {
    const thread = new TreeThread({ side: 'source', root });
    return {
      measure: () => thread.call({ name: 'measure' }),
      send: (sink, round = quiet) => thread.send(sink, round),
      [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
    };
  },
  receiver(root, options): FileReceiver {
    const thread = new TreeThread({ side: 'target', root, ...options });
    return {
      apply: async (frame) => {
        await thread.call({ name: 'apply', frame });
      },
      finish: () => thread.call({ name: 'finish' }),
      [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
    };
  },
};

/**
 * Removes what receivers with this ledger have made below `root`, and nothing that was there before. Safe to run twice,
 * and where the root is gone.
 */
export async function undoReceived(root: string, ledger: string): Promise<void> {
  if (existsSync(ledger) && existsSync(root)) {
    await using thread = new TreeThread({ side: 'target', root, limits: fileLimits, ledger });
    await thread.call({ name: 'undo' });
  }
  forgetLedger(ledger);
}

/** Per round of a handover; a container with more changed files than this belongs on a volume. */
export const fileLimits: FileLimits = { maxEntries: 5_000_000, maxBytes: 2 ** 40 };
