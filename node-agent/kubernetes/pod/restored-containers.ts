// What runc knows of the containers of a replacement: all but the last are restored into frozen cgroups, and run when
// the last one does.
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { waitsForNobody } from '#agent/criu/restore-family.ts';
import { awaitEmpty, killFrozen } from '#agent/runtime/end-processes.ts';
import { thawCgroup } from '#agent/runtime/freezer.ts';
import { mark, unmark } from '#agent/runtime/marks.ts';
import { readRuncStateIfAny, type RuncState } from '#agent/runtime/runc-state.ts';

export const restoredContainersSchema = z.object({
  members: z.number().int(),
  containers: z.array(z.object({ id: z.string(), root: z.string() })),
});
type Facts = z.infer<typeof restoredContainersSchema>;

export class RestoredContainers {
  readonly #runDir: string;
  readonly #members: number;
  readonly #containers: Facts['containers'];

  /** @param facts how many there will be, and those that restores have begun for, in order */
  constructor(runDir: string, { members, containers }: Facts) {
    this.#runDir = runDir;
    this.#members = members;
    this.#containers = [...containers];
  }

  get count(): number {
    return this.#members;
  }

  facts(): Facts {
    return { members: this.#members, containers: this.#containers };
  }

  begun(container: Facts['containers'][number]): void {
    this.#containers.push(container);
  }

  /** The wrapper need not start what goes on. */
  mark(): void {
    for (const { id } of this.#containers) mark(this.#runDir, 'restored', id);
  }

  unmark(): void {
    for (const { id } of this.#containers) unmark(this.#runDir, 'restored', id);
  }

  /**
   * Of the last container, once CRIU was told to let go: runc forgets one whose restore failed, not one that ended
   * since.
   */
  fate(): 'runs' | 'ended' | 'none' {
    const last = this.#containers.length === this.#members ? this.#containers.at(-1) : undefined;
    const state = last === undefined ? undefined : readRuncStateIfAny(last.root, last.id);
    if (state === undefined || waitsForNobody(state.pid)) return 'none';
    return existsSync(`/proc/${state.pid}`) ? 'runs' : 'ended';
  }

  thawEarly(): void {
    for (const { freezerCgroup, cgroupVersion } of this.#early()) thawCgroup(freezerCgroup, cgroupVersion);
  }

  /** They end without having run. */
  async endEarly(limitMs: number): Promise<void> {
    for (const state of this.#early()) {
      killFrozen(state);
      await awaitEmpty(state, limitMs);
    }
  }

  #early(): RuncState[] {
    return this.#containers
      .slice(0, this.#members - 1)
      .map(({ id, root }) => readRuncStateIfAny(root, id))
      .filter((state) => state !== undefined);
  }
}
