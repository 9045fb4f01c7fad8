// What the kernel lets this process do.
import { readFileSync } from 'node:fs';
import type { AgentConfig } from '#agent/config.ts';

const sysResource = 24n;

/** CAP_SYS_RESOURCE: among others, reading the limits of processes of other users. */
export function hasSysResource(status = readFileSync('/proc/self/status', 'latin1')): boolean {
  const effective = /^CapEff:\s*([\da-f]+)$/m.exec(status)?.[1];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> sysResource) & 1n) === 1n;
}

/** Whether CRIU, started by this process, can read limits of processes of other users than root. */
export function readsLimits({ limitsOfOthers }: Pick<AgentConfig, 'limitsOfOthers'>): boolean {
  return limitsOfOthers === 'readable' || hasSysResource();
}
