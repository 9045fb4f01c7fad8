// Structured logs: constant messages in past tense, facts as keys (handover, container, node, step, epoch).
import { pino, type Logger } from 'pino';

export type Log = Logger;

/** A logger that writes one JSON object a line to stderr; `level` as in pino. Nothing secret may be passed to it. */
export function createLog(level: string, bindings: Record<string, unknown>): Log {
  return pino(
    { level, base: bindings, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** A logger that says nothing, for tests of pure parts. */
export const silentLog: Log = pino({ level: 'silent' });
