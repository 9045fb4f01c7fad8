// What the target checks before it builds anything: room, image, networks, names that are taken.
import type { Note, Refusal } from '#core/api/handover.ts';
import type { MessageOf } from '#core/wire/messages.ts';
import { mtuRefusals } from '#agent/preflight/network-mtus.ts';
import { incompatibilities } from '#agent/preflight/compatibility.ts';
import type { EnginePorts } from '#agent/engine/ports.ts';

/** Images are about as large as the memory they hold; some room for the small ones. */
const smallImagesBytes = 16 * 2 ** 20;

export async function targetRefusals(
  request: MessageOf<'prepare'>,
  ports: EnginePorts,
): Promise<{ refusals: Refusal[]; notes: Note[] }> {
  const own = await ports.nodeFacts();
  const refusals = [...incompatibilities(request.facts, own), ...mtuRefusals(request, own)];
  const needed = request.memoryBytes + smallImagesBytes;
  if (needed > own.imageFreeBytes) {
    refusals.push({
      code: 'PREFLIGHT_IMAGE_MEMORY',
      fact: `the images need about ${needed} bytes, the target has ${own.imageFreeBytes} set aside`,
      remedy: 'Raise imageLimitBytes on the target, or wait until its other handovers are done.',
    });
  }
  refusals.push(...(await ports.targetChecks(request)));
  return { refusals, notes: [] };
}
