// What the agent's thread and the worker of a tree say to each other.
import type { ErrorRecord } from '#core/errors.ts';
import type { FileCounts, FileRoot, ReceiverOptions, Round } from '#agent/files/port.ts';

/** Which end of which tree a worker serves. */
export type WorkerRole = { side: 'source'; root: FileRoot } | ({ side: 'target'; root: string } & ReceiverOptions);

export type Request =
  | { name: 'measure' }
  | { name: 'send'; round: Round }
  | { name: 'apply'; frame: Uint8Array }
  | { name: 'finish' }
  | { name: 'undo' };

/** `taken`: the sink took a frame. `refused`: it will take no more of this round. */
export type ToWorker =
  | { kind: 'call'; id: number; request: Request }
  | { kind: 'taken' }
  | { kind: 'refused' }
  | { kind: 'close' };

export type FromWorker =
  | { kind: 'frame'; frame: Uint8Array<ArrayBuffer> }
  | { kind: 'done'; id: number; counts: FileCounts }
  | { kind: 'failed'; id: number; error: ErrorRecord };
