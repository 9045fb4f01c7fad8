// Hands a container over and waits for what became of it, as a script would.
import type { HandoverRecord } from '#core/api/handover.ts';
import { withDeadline } from '#core/deadline.ts';
import { GodwitError } from '#core/errors.ts';
import type { Host } from '#hosts/host.ts';
import { memoryWasKept } from '#oracle/verdict.ts';
import type { Pair } from './pair.ts';

const moveLimitMs = 120_000;

/** Resolves with the source's last record, whatever the outcome was; rejects when memory is not what it was. */
export async function move(
  pair: Pair,
  container: string,
  from: Host,
  to: Host,
  limitMs = moveLimitMs,
): Promise<HandoverRecord> {
  const control = pair.control(from);
  const { id } = await control.start({ container, to: to.name });
  const record = await follow(pair, id, from, limitMs);
  await memoryWasKept(id, from, to);
  return record;
}

export async function follow(pair: Pair, id: string, from: Host, limitMs = moveLimitMs): Promise<HandoverRecord> {
  const abort = new AbortController();
  const last = async (): Promise<HandoverRecord> => {
    let record: HandoverRecord | undefined;
    for await (const change of pair.control(from).events(id, abort.signal)) record = change;
    if (record === undefined) throw new GodwitError('ERR_HANDOVER_UNKNOWN', `no word of handover ${id}`);
    return record;
  };
  try {
    return await withDeadline(last(), limitMs, `handover ${id}`);
  } finally {
    abort.abort();
  }
}
