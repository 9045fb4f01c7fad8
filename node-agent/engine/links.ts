// What both sides do with links that may be gone.
import { GodwitError } from '#core/errors.ts';

/** A link may go with its namespace, e.g. when the node restarts: then nothing of it is left to open or to shut. */
export async function ifThere(step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (!(error instanceof GodwitError && error.code === 'ERR_LINK_UNKNOWN')) throw error;
  }
}
