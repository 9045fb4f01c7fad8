// What godwit-pager says of its work, in a file that outlives it (native/pager/state.h).
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '#core/errno.ts';
import { GodwitError } from '#core/errors.ts';

const magic = 0x3152454741504447n;
const headBytes = 192;
const reasonAt = 32;

export interface PagerState {
  totalBytes: number;
  leftBytes: number;
  /** All memory is in. */
  done: boolean;
  /** Why the pager has given up, if it has. */
  failure?: string;
}

/** Undefined when no pager has begun in this directory; ERR_INTERNAL when the file is not one of a pager. */
export function readPagerState(work: string): PagerState | undefined {
  const head = readHead(join(work, 'pager.state'));
  if (head === undefined) return undefined;
  if (head.readBigUInt64LE(0) !== magic)
    throw new GodwitError('ERR_INTERNAL', `${work} has the state of another pager`);
  const reason = head.toString('utf8', reasonAt, head.indexOf(0, reasonAt));
  return {
    totalBytes: Number(head.readBigUInt64LE(8)),
    leftBytes: Number(head.readBigUInt64LE(16)),
    done: head.readUInt32LE(24) !== 0,
    ...(head.readUInt32LE(28) === 0 ? {} : { failure: reason }),
  };
}

function readHead(path: string): Buffer | undefined {
  try {
    const fd = openSync(path, 'r');
    try {
      const head = Buffer.alloc(headBytes + 1);
      return readSync(fd, head, 0, headBytes, 0) === headBytes ? head : undefined;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (hasErrno(error, ['ENOENT'])) return undefined;
    throw error;
  }
}
