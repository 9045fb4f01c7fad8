// A fault that a test orders and the faulty agent carries out, once, at the step it names.
import { writeFile, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { Host } from '#hosts/host.ts';

/** Where the agent looks before and after every step. */
export const faultFile = '/run/godwit-fault.json';
/** What uses up the memory for images. */
export const fillerDirectory = '/run/godwit/images/filler';

export const faultSchema = z.strictObject({
  /**
   * `source.METHOD`, `target.METHOD`, `links.METHOD`, `arbiter.METHOD`, `connection.METHOD`, `connect`, or
   * `journal.ROLE.STATE` for the entry of a state.
   */
  step: z.string(),
  when: z.enum(['before', 'after']).default('before'),
  action: z.discriminatedUnion('kind', [
    /** The agent gets SIGKILL. */
    z.strictObject({ kind: z.literal('crash') }),
    /** The agent gets SIGSTOP: it hangs until somebody lets it go on. */
    z.strictObject({ kind: z.literal('stop') }),
    z.strictObject({ kind: z.literal('throw') }),
    /** Whatever CRIU runs on the host gets SIGKILL, as of the kernel when memory is short. */
    z.strictObject({ kind: z.literal('kill-criu') }),
    z.strictObject({ kind: z.literal('delay'), delayMs: z.number() }),
    /** All connections to peers break. */
    z.strictObject({ kind: z.literal('disconnect') }),
    /** The step is not done, and says that it was; with `result` as its answer. */
    z.strictObject({ kind: z.literal('pretend'), result: z.string().optional() }),
    /** The first image whose name matches loses its second half. */
    z.strictObject({ kind: z.literal('truncate'), image: z.string() }),
    /** One byte of the first image whose name matches is another. */
    z.strictObject({ kind: z.literal('scribble'), image: z.string() }),
    /** The memory for images is used up by somebody else. */
    z.strictObject({ kind: z.literal('fill') }),
    /** The network between the agents carries nothing for a while, and nobody is told. */
    z.strictObject({ kind: z.literal('unplug'), forMs: z.number() }),
  ]),
});
export type Fault = z.input<typeof faultSchema>;

/** Orders a fault of the agent on `host`; it is gone when it has struck. */
export async function order(host: Host, fault: Fault): Promise<void> {
  await writeFile(fileOn(host), JSON.stringify(faultSchema.parse(fault)));
}

export function hasStruck(host: Host): boolean {
  return !existsSync(fileOn(host));
}

/** Takes back an order that was not carried out, and what a fault left lying. */
export async function withdraw(host: Host): Promise<void> {
  await rm(fileOn(host), { force: true });
  await rm(path.join(host.root, fillerDirectory), { recursive: true, force: true });
}

function fileOn(host: Host): string {
  return path.join(host.root, faultFile);
}
