// Writes that give a file no new times arrive all the same.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { fileMover } from '#agent/files/mover.ts';
import type { FileReceiver, FileSender, Round } from '#agent/files/port.ts';
import { mountTwoOverlays } from '#agent/files/testing/overlay.ts';

const limits = { maxEntries: 1000, maxBytes: 1e9 };

async function round(sender: FileSender, receiver: FileReceiver, more: Partial<Round> = {}): Promise<number> {
  const { entries } = await sender.send((frame) => receiver.apply(frame), {
    always: new Set(),
    open: new Set(),
    last: false,
    ...more,
  });
  await receiver.finish();
  return entries;
}

/** Maps a file, reads it, and adds one to its first byte whenever a line comes. */
const mapper = `
import mmap, os, sys
memory = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 8192)
print(memory[0], flush=True)
for line in sys.stdin:
    memory[0] += 1
    print(memory[0], flush=True)
`;

interface Mapper extends AsyncDisposable {
  /** Resolves when the byte is written. */
  write(): Promise<void>;
}

async function startMapper(file: string): Promise<Mapper> {
  fs.writeFileSync(file, Buffer.alloc(8192));
  const child = spawn('python3', ['-u', '-c', mapper, file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answered = (): Promise<unknown> => once(child.stdout ?? child, 'data');
  await answered();
  return {
    async write() {
      child.stdin?.write('\n');
      await answered();
    },
    async [Symbol.asyncDispose]() {
      child.stdin?.end();
      await once(child, 'exit');
    },
  };
}

/** Longer than a clock tick: what changed before has times of its own. */
const pastClockTick = (): Promise<void> => sleep(50);

const firstByte = (directory: string, name: string): number | undefined =>
  fs.readFileSync(path.join(directory, name))[0];

test.serial('what is written to a tmpfs through a mapping comes with the last round', async (t) => {
  const here = fs.mkdtempSync('/dev/shm/godwit-here-');
  const there = fs.mkdtempSync('/dev/shm/godwit-there-');
  t.teardown(() => [here, there].forEach((directory) => fs.rmSync(directory, { recursive: true })));
  await using mapped = await startMapper(path.join(here, 'mapped'));
  await pastClockTick();
  await using sender = fileMover.sender({ kind: 'directory', path: here });
  await using receiver = fileMover.receiver(there, { limits });
  await round(sender, receiver);
  await mapped.write();
  t.is(await round(sender, receiver), 0);
  await round(sender, receiver, { last: true });
  t.is(firstByte(there, 'mapped'), 1);
});

test.serial('a file that is open for writing and changed a moment ago is sent again', async (t) => {
  await using overlays = mountTwoOverlays(() => undefined);
  await using mapped = await startMapper(path.join(overlays.source.merged, 'written'));
  await mapped.write();
  await pastClockTick();
  await using sender = fileMover.sender({ kind: 'overlay-upper', path: overlays.source.upper });
  await using receiver = fileMover.receiver(overlays.target.merged, { limits });
  await round(sender, receiver, { open: new Set(['written']) });
  await mapped.write();
  t.is(await round(sender, receiver), 1);
  t.is(firstByte(overlays.target.merged, 'written'), 2);
  t.is(await round(sender, receiver), 0);
});
