// Nothing that was restored runs on without having been let go.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { HookDesk } from '#agent/criu/hook-desk.ts';
import { ImageInbox } from '#agent/criu/image-inbox.ts';
import { conversation } from '#agent/runtime/testing/conversation.ts';
import { HeldRestore } from './restore.ts';

test('a restore that ends well before CRIU has asked whether the tasks may run has failed, and its tasks are ended', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'restore-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const task = spawn('sleep', ['60'], { stdio: 'ignore' });
  const ended = once(task, 'exit').then(([, signal]) => {
    writeFileSync(join(directory, 'cgroup.procs'), '');
    return String(signal);
  });
  writeFileSync(join(directory, 'cgroup.procs'), `${task.pid}\n`);
  writeFileSync(join(directory, 'cgroup.freeze'), '');
  mkdirSync(join(directory, 'shop'));
  writeFileSync(
    join(directory, 'shop', 'state.json'),
    JSON.stringify({ init_process_pid: task.pid, cgroup_paths: { '': directory } }),
  );
  const restore = new HeldRestore({
    create: conversation(), // its runc ends with 0 at once
    oci: {
      id: 'shop',
      root: directory,
      bundle: directory,
      pidFile: undefined,
      processFile: undefined,
      signal: 'SIGTERM',
    },
    directories: { images: directory, work: directory, pages: directory },
    hooks: new HookDesk(directory).open(directory),
  });
  const inbox = await ImageInbox.create(directory, [], 1_000);
  const error = await t.throwsAsync(restore.restore(inbox, 10_000), { code: 'ERR_RESTORE' });
  t.regex(error?.message ?? '', /without asking/);
  t.is(await ended, 'SIGKILL');
  await restore.abandon(inbox, 10_000);
});
