// What this node is: read once, told to peers so that they can compare.
import { execFile } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { arch, release } from 'node:os';
import { promisify } from 'node:util';
import type { LinkPort } from '#cni/port.ts';
import type { NodeFacts } from '#core/wire/messages.ts';
import { freeImageBytes } from '#agent/criu/image-memory.ts';
import type { AgentConfig } from '#agent/config.ts';
import { readsLimits } from '#agent/runtime/capabilities.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';

const run = promisify(execFile);
const cgroup2Magic = 0x63677270;

/** CPU features a process may have found and come to rely on, as /proc/cpuinfo names them. */
function cpuFlags(): string[] {
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  return flags
    .split(' ')
    .filter((flag) => flag !== '')
    .toSorted();
}

async function version(command: string, args: string[], pattern: RegExp): Promise<string> {
  try {
    const { stdout } = await run(command, args);
    return pattern.exec(stdout)?.[1] ?? 'unknown';
  } catch (cause) {
    throw new GodwitError('ERR_TOOL_MISSING', `${command} does not run: ${asGodwitError(cause).message}`, { cause });
  }
}

/** Whether restored tasks may run before their pages are in: CRIU needs userfaultfd for that. */
async function supportsLazyPages(): Promise<boolean> {
  try {
    await run('criu', ['check', '--feature', 'uffd-noncoop']);
    return true;
  } catch {
    return false; // criu's exit status is the answer
  }
}

/** Reads what does not change while the agent runs; the result asks for the rest. Throws ERR_TOOL_MISSING. */
export async function nodeFactsReader(
  imageRoot: string,
  config: AgentConfig,
  links: LinkPort,
): Promise<() => Promise<NodeFacts>> {
  const fixed = {
    kernel: release(),
    architecture: arch(),
    criu: await version('criu', ['--version'], /^Version: (\S+)/m),
    runc: await version(config.runc, ['--version'], /^runc version (\S+)/m),
    cgroupVersion: statfsSync('/sys/fs/cgroup').type === cgroup2Magic ? 2 : 1,
    cpuFlags: cpuFlags(),
    lazyPages: await supportsLazyPages(),
    readsLimits: readsLimits(config),
  } as const;
  return async () => ({ ...fixed, imageFreeBytes: freeImageBytes(imageRoot), mtus: await links.pathMtus() });
}
