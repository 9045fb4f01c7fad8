// Which signals end a container, and which are news for a program that goes on.
import { constants } from 'node:os';

/** Numbers of this kernel's real-time signals, as image configurations count them. */
const realTime = { RTMIN: 34, RTMAX: 64 };

/** What asks a program to end; SIGHUP and the others have other meanings for the programs that handle them. */
const ending: ReadonlySet<number> = new Set(
  (['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGABRT'] as const).map((name) => constants.signals[name]),
);

/** Of `15`, `TERM`, `SIGTERM`, `SIGRTMIN+3`; undefined for what is no signal. */
export function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const [, name = '', offset = '0'] = /^(?:SIG)?([A-Z0-9]+?)([+-]\d+)?$/.exec(text.toUpperCase()) ?? [];
  const all = Object.entries({ ...constants.signals, ...realTime });
  const known = all.find(([key]) => key === name || key === `SIG${name}`);
  return known === undefined ? undefined : known[1] + Number(offset);
}

/**
 * Whether the signal ends a container whose first process has this /proc/PID/status: the kernel drops what the first
 * process of a PID namespace does not handle, but for SIGKILL. Undefined for one that is gone.
 * @param stopSignal what the image says that it wants to be stopped by
 */
export function isEnding(signal: number, stopSignal: number | undefined, status: string | undefined): boolean {
  if (signal === constants.signals.SIGKILL) return true;
  const reachesIt = status === undefined || isIn(status, 'SigCgt', signal) || isIn(status, 'SigBlk', signal);
  return reachesIt && (ending.has(signal) || signal === stopSignal);
}

function isIn(status: string, set: 'SigCgt' | 'SigBlk', signal: number): boolean {
  const mask = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}
