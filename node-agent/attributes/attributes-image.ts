// Attributes of tasks and sockets that CRIU's images leave out, as one file beside them. It comes from a peer: parsed
// before it is used.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import { writeFileNamed } from '#core/write-file.ts';

/** CRIU and agents that do not know it leave it alone. */
const name = 'godwit-attributes.json';

const number = z
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const hex = (bytes: number) =>
  z
    .string()
    .regex(/^([0-9a-f]{2})*$/)
    .max(2 * bytes);

const taskAttributes = z.strictObject({
  /** Mask, least significant byte first; absent where the task may run on all CPUs of its node. */
  cpus: hex(1024).optional(),
  ioPriority: number,
  timerSlackNs: z.string().regex(/^\d{1,20}$/),
});
export type TaskAttributes = z.infer<typeof taskAttributes>;

const processAttributes = z.strictObject({
  process: number,
  coredumpFilter: z.string().regex(/^[0-9a-f]{1,16}$/),
  /** As personality(2) has it. */
  personality: number,
  /** Its equal pages may be merged (PR_SET_MEMORY_MERGE). */
  merges: z.boolean(),
});
export type ProcessAttributes = z.infer<typeof processAttributes>;

/** Values of options by their names. */
const optionValues = z.record(z.string().max(64), hex(255));
export type OptionValues = z.infer<typeof optionValues>;

/**
 * Processes and tasks by their numbers in the container. Most tasks are alike, and most sockets: what they have is said
 * once.
 */
const imageSchema = z.strictObject({
  processes: z.array(processAttributes),
  taskKinds: z.array(taskAttributes),
  tasks: z.array(z.strictObject({ process: number, task: number, kind: number })),
  socketKinds: z.array(optionValues),
  sockets: z.array(z.strictObject({ process: number, fd: number, kind: number })),
});
export type AttributesImage = z.infer<typeof imageSchema>;

export function writeAttributes(images: string, image: AttributesImage): void {
  writeFileNamed(join(images, name), JSON.stringify(image));
}

/** Undefined when the source wrote none; throws ERR_IMAGES_INVALID. */
export function readAttributes(images: string): AttributesImage | undefined {
  const file = join(images, name);
  if (!existsSync(file)) return undefined;
  try {
    return imageSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new GodwitError('ERR_IMAGES_INVALID', 'the attributes of tasks and sockets cannot be read', { cause });
  }
}
