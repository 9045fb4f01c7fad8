// Lets a frozen source go on in the place of an agent that is silent: CRIU lets go of its tasks, links open, it thaws.
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLinks } from '#cni/links.ts';
import { asGodwitError } from '#core/errors.ts';
import { createLog, type Log } from '#core/log.ts';
import { runcProcesses } from '#agent/criu/restore-family.ts';
import { thawCgroup } from '#agent/runtime/freezer.ts';
import { pidsWhere } from '#agent/runtime/command-lines.ts';
import { killProcess, parentOf } from '#agent/runtime/processes.ts';
import { FreezeWatch, type Frozen } from '#agent/watchdog/freeze-watch.ts';

const claimedPollMs = 500;
const hookPollMs = 20;
/** CRIU at work in the tasks is waited for; tasks that it still holds do not run, thawed or not. */
const dumpLimitMs = 120_000;
const hookName = 'godwit-criu-hook';
/** CRIU, and a shell between them. */
const longestDescent = 4;

/** @param path of the freeze, without its state */
export async function letGo(path: string, log: Log = createLog('info', {})): Promise<void> {
  const watch = new FreezeWatch(path);
  let frozen = watch.takeOver();
  for (; frozen === undefined; frozen = watch.takeOver()) await sleep(claimedPollMs);
  if (frozen === 'over') return;
  await endDump(frozen.images);
  await openLinks(frozen, log);
  thawCgroup(frozen.cgroup, frozen.cgroupVersion);
}

/** A hook that ends without a word is a no: CRIU gives its dump up. */
async function endDump(images: string): Promise<void> {
  const deadline = performance.now() + dumpLimitMs;
  for (let runc = runcProcesses(images); runc.length > 0; runc = runcProcesses(images)) {
    if (performance.now() > deadline) return;
    const parents = new Set(runc);
    const hooks = pidsWhere(([program = '']) => basename(program) === hookName);
    for (const pid of hooks.filter((hook) => isBelow(hook, parents))) killProcess(pid);
    await sleep(hookPollMs);
  }
}

function isBelow(pid: number, ancestors: ReadonlySet<number>): boolean {
  let current = pid;
  for (let up = 0; up < longestDescent; up += 1) {
    current = parentOf(current);
    if (ancestors.has(current)) return true;
  }
  return false;
}

/** One that cannot be opened is no reason to stand still: the agent opens it when it is back. */
async function openLinks({ netns, stateDir }: Frozen, log: Log): Promise<void> {
  if (netns === undefined) return;
  const { links, close } = await createLinks({ stateDir, networks: () => Promise.resolve(new Map()), log });
  try {
    for (const link of await links.attachmentsOf(netns)) await links.reopen(link);
  } catch (error) {
    log.error({ error: asGodwitError(error).message }, 'Link not opened by the watchdog');
  } finally {
    await close();
  }
}
