// What every journal entry says of its handover, so that a restarted agent can go on.
import { z } from 'zod';
import { errorRecordSchema, refusalSchema } from '#core/api/handover.ts';
import type { Attachment } from '#cni/port.ts';

/** Reads back what cni-plugin/port.ts calls an Attachment. */
const attachmentSchema: z.ZodType<Attachment> = z.object({
  network: z.string(),
  containerId: z.string(),
  ifName: z.string(),
  netns: z.string(),
  addresses: z.array(z.string()),
  mac: z.string(),
  mtu: z.number().int(),
  epoch: z.number().int(),
  state: z.enum(['active', 'parked', 'gated']),
});

export const journalFactsSchema = z.object({
  identity: z.object({
    id: z.string(),
    role: z.enum(['source', 'target']),
    container: z.string(),
    from: z.string(),
    to: z.string(),
  }),
  /** ISO 8601. */
  startedAt: z.string(),
  epoch: z.number().int().optional(),
  error: errorRecordSchema.optional(),
  refusals: z.array(refusalSchema),
  attachments: z.array(attachmentSchema),
  /** A target's links belong to a sandbox that outlives the handover. */
  keepsLinks: z.boolean().default(false),
  /** A target's processes may run. */
  resuming: z.boolean().default(false),
  /** What the port of the container wrote, for its own `recover`. */
  container: z.unknown(),
});
export type RecoveredFacts = z.infer<typeof journalFactsSchema>;
