// The file mover as the engine uses it: every tree has a thread of its own.
import type { FileLimits, FilePort, FileReceiver, FileSender } from '#agent/files/port.ts';
import { TreeThread } from '#agent/files/tree-thread.ts';

/** Needs build/godwit-files.node; a root that cannot be opened is the error of the first call. */
export const fileMover: FilePort = {
  sender(root): FileSender {
    const thread = new TreeThread({ side: 'source', root });
    return {
      measure: () => thread.call({ name: 'measure' }),
      send: (sink, always = new Set()) => thread.send(sink, always),
      [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
    };
  },
  receiver(root, limits): FileReceiver {
    const thread = new TreeThread({ side: 'target', root, limits });
    return {
      apply: async (frame) => {
        await thread.call({ name: 'apply', frame });
      },
      finish: () => thread.call({ name: 'finish' }),
      [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
    };
  },
};

/** Per round of a handover; a container with more changed files than this belongs on a volume. */
export const fileLimits: FileLimits = { maxEntries: 5_000_000, maxBytes: 2 ** 40 };
