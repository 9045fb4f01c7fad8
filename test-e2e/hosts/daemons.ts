// Long-running programs inside a host: containerd, node agents. Each has a log and a pid file in the host's folder.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GodwitError } from '#core/errors.ts';
import { cgroupRoot } from './paths.ts';
import { machineHierarchies } from './cgroups.ts';
import { entering, hostEnvironment, type Host } from './host.ts';
import { childrenOf, isRunning, processWithPid, type ProcessId } from './process-facts.ts';

/** Path (outside) of what the daemon wrote to stdout and stderr; appended over restarts. */
export function logFile(host: Host, name: string): string {
  return path.join(host.directory, `${name}.log`);
}

/**
 * Starts `argv` inside as daemon `name`, in the host's own cgroup, and returns its process as seen from outside.
 * It outlives the caller; it ends with `stopProcess`, `killHard` or the host. ERR_HOST_BUSY if one of that name runs.
 */
export async function startProcess(
  host: Host,
  name: string,
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<ProcessId> {
  if (await processOf(host, name)) throw new GodwitError('ERR_HOST_BUSY', `${name} runs on host ${host.name} already`);
  const cgroups = (await machineHierarchies()).map(({ mountPoint }) =>
    path.join(mountPoint, cgroupRoot, host.set, host.name, 'init'),
  );
  const intoCgroup =
    'for cgroup in $CGROUPS; do echo 0 >"$cgroup/cgroup.procs" || exit; done; unset CGROUPS; exec "$@"';
  const log = openSync(logFile(host, name), 'a');
  const child = spawn('sh', ['-c', intoCgroup, 'sh', ...entering(host.pid, argv)], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...hostEnvironment, ...env, CGROUPS: cgroups.join(' ') },
  });
  closeSync(log);
  child.unref();
  const daemon = await daemonBelow(child.pid ?? 0, `${name} on host ${host.name}`);
  await writeFile(pidFile(host, name), JSON.stringify(daemon));
  return daemon;
}

/** SIGTERM, then SIGKILL after `graceMs`; resolves when it is gone. Safe to call when it does not run. */
export async function stopProcess(host: Host, name: string, graceMs = 10_000): Promise<void> {
  const daemon = await processOf(host, name);
  if (daemon && !(await endsAfter(daemon, 'SIGTERM', graceMs))) await endsAfter(daemon, 'SIGKILL', 5000);
  await rm(pidFile(host, name), { force: true });
}

/** SIGKILL at once, as a crash would; resolves when it is gone. Safe to call when it does not run. */
export async function killHard(host: Host, name: string): Promise<void> {
  const daemon = await processOf(host, name);
  if (daemon && !(await endsAfter(daemon, 'SIGKILL', 5000)))
    throw new GodwitError('ERR_DEADLINE', `${name} on host ${host.name} survived SIGKILL for 5 s`);
}

/** The daemon's process if it runs. */
export async function processOf(host: Host, name: string): Promise<ProcessId | undefined> {
  const text = await readFile(pidFile(host, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (text === '') return undefined;
  const daemon: ProcessId = JSON.parse(text);
  return isRunning(daemon) ? daemon : undefined;
}

function pidFile(host: Host, name: string): string {
  return path.join(host.directory, `${name}.pid.json`);
}

/** The shell becomes nsenter, whose only child is the daemon. */
async function daemonBelow(parent: number, what: string): Promise<ProcessId> {
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    const daemon = childrenOf(parent).map((pid) => processWithPid(pid))[0];
    if (daemon) return daemon;
    if (processWithPid(parent) === undefined)
      throw new GodwitError('ERR_HOST_SETUP', `${what} ended at once; see its log`);
    await sleep(2);
  }
  throw new GodwitError('ERR_DEADLINE', `${what} did not start within 10 s`);
}

async function endsAfter(id: ProcessId, signal: NodeJS.Signals, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  if (isRunning(id)) process.kill(id.pid, signal);
  while (isRunning(id)) {
    if (performance.now() > deadline) return false;
    await sleep(2);
  }
  return true;
}
