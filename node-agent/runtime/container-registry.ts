// The containers that were created through godwit-runc on this node since it booted, kept in /run so that a restarted
// agent knows them.
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import { podContainerSchema } from '#agent/runtime/pod-identity.ts';
import { replaceFile } from '#agent/runtime/replace-file.ts';

const registrationSchema = z.object({
  id: z.string(),
  /** runc's state directory for the container. */
  root: z.string(),
  bundle: z.string(),
  createdAt: z.string(),
  /** The pod it belongs to. */
  pod: podContainerSchema.optional(),
});
export type Registration = z.infer<typeof registrationSchema>;

/** containerd keeps one runc root a namespace: `/run/containerd/runc/NAMESPACE`. */
export function namespaceOf(registration: Registration): string {
  return basename(registration.root);
}

export class ContainerRegistry {
  readonly #directory: string;
  readonly #known = new Map<string, Registration>();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory).filter((file) => file.endsWith('.json'))) {
      const registration = registrationSchema.parse(JSON.parse(readFileSync(join(directory, name), 'utf8')));
      this.#known.set(registration.id, registration);
    }
  }

  add(registration: Registration): void {
    replaceFile(this.#pathOf(registration.id), JSON.stringify(registration));
    this.#known.set(registration.id, registration);
  }

  remove(id: string): void {
    rmSync(this.#pathOf(id), { force: true });
    this.#known.delete(id);
  }

  get(id: string): Registration | undefined {
    return this.#known.get(id);
  }

  all(): Registration[] {
    return [...this.#known.values()];
  }

  /**
   * The container with this id or the only one whose id starts with it; throws ERR_CONTAINER_UNKNOWN or
   * ERR_CONTAINER_AMBIGUOUS.
   */
  find(prefix: string): Registration {
    const exact = this.#known.get(prefix);
    if (exact !== undefined) return exact;
    const [match, ...others] = this.all().filter(({ id }) => id.startsWith(prefix));
    if (match === undefined)
      throw new GodwitError(
        'ERR_CONTAINER_UNKNOWN',
        `no container ${prefix} was created through godwit-runc on this node`,
      );
    if (others.length > 0) {
      const ids = [match, ...others].map(({ id }) => id).join(', ');
      throw new GodwitError('ERR_CONTAINER_AMBIGUOUS', `${prefix} may be any of ${ids}`);
    }
    return match;
  }

  #pathOf(id: string): string {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(id))
      throw new GodwitError('ERR_CONTAINER_UNKNOWN', `${JSON.stringify(id)} is not a container id`);
    return join(this.#directory, `${id}.json`);
  }
}
