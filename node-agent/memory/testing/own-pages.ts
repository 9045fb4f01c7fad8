// The pages that a process has for itself, read without any of our programs.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { privatePages } from '#oracle/memory-image.ts';
import { pageBytes } from '#agent/memory/page-records.ts';

const zeros = Buffer.alloc(pageBytes);

/** By address. Pages of zeros are left out: nobody has to keep them. The process must stand still. */
export function readOwnPages(pid: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  const [memory, pagemap] = [openSync(`/proc/${pid}/mem`, 'r'), openSync(`/proc/${pid}/pagemap`, 'r')];
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
      const [, start = '', end = ''] = /^([\da-f]+)-([\da-f]+) ...p (?!.*\[v)/.exec(line) ?? [];
      if (end === '') continue;
      const [from, to] = [Number.parseInt(start, 16), Number.parseInt(end, 16)];
      const isOwn = privatePages(pagemap, from, (to - from) / pageBytes);
      for (let at = from; at < to; at += pageBytes) {
        if (!isOwn((at - from) / pageBytes)) continue;
        const content = Buffer.alloc(pageBytes);
        if (readSync(memory, content, 0, pageBytes, at) === pageBytes && !content.equals(zeros)) found.set(at, content);
      }
    }
    return found;
  } finally {
    closeSync(memory);
    closeSync(pagemap);
  }
}
