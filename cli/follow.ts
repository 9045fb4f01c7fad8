// Following one handover to its end, also over a restart of the agent.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HandoverRecord } from '#core/api/handover.ts';
import { GodwitError } from '#core/errors.ts';
import type { ControlClient } from './control-client.ts';
import { isOver } from './render/progress.ts';

interface Patience {
  /** How often in a row the agent may be away. */
  attempts: number;
  pauseMs: number;
}

/** An agent that restarts is back within a minute. */
const patience: Patience = { attempts: 60, pauseMs: 1000 };

/**
 * Calls `seen` with every change and resolves with the last record, or with undefined when `signal` ended it.
 * An agent that is away is asked again; rejects with ERR_AGENT_UNREACHABLE after `attempts` in a row.
 */
export async function follow(
  client: ControlClient,
  id: string,
  seen: (record: HandoverRecord) => void,
  signal: AbortSignal,
  { attempts, pauseMs }: Patience = patience,
): Promise<HandoverRecord | undefined> {
  for (let failures = 0; !signal.aborted;) {
    try {
      for await (const record of client.events(id, signal)) {
        failures = 0;
        seen(record);
        if (isOver(record)) return record;
      }
      failures += 1;
    } catch (error) {
      if (signal.aborted) return undefined;
      failures += 1;
      if (!(error instanceof GodwitError) || error.code !== 'ERR_AGENT_UNREACHABLE' || failures >= attempts)
        throw error;
    }
    if (failures >= attempts)
      throw new GodwitError('ERR_AGENT_UNREACHABLE', `the agent no longer tells about ${id}`, { details: { id } });
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
