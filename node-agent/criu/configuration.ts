// CRIU's configuration of each container (annotation org.criu.config): the links are the network lock, the hooks are
// ours. Without this file CRIU would ask nobody: a dump would end its container, a restore would let it run. So no CRIU
// ever finds a part of it, or that of others.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ghostLimitBytes } from '#agent/criu/ghost-limit.ts';
import { replaceFile } from '#agent/runtime/replace-file.ts';

const ending = '.conf';

export class CriuConfigurations {
  readonly #directory: string;
  readonly #hook: string;

  /** The files of a former agent are written anew: its hook may have been another. */
  constructor(directory: string, hook: string) {
    this.#directory = directory;
    this.#hook = hook;
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    for (const name of readdirSync(directory).filter((file) => file.endsWith(ending)))
      this.write(name.slice(0, -ending.length));
  }

  pathOf(container: string): string {
    return join(this.#directory, `${container}${ending}`);
  }

  /**
   * What dumps and restores of the container that begin from now on find.
   *
   * @param watched what inotify watches in it: an overlay does not open files by their handles, CRIU looks for them
   * here
   */
  write(container: string, watched: readonly string[] = []): void {
    const options = [
      'network-lock skip',
      'tcp-established',
      'skip-in-flight',
      'link-remap',
      'verbosity 1',
      `ghost-limit ${ghostLimitBytes}`,
      `action-script ${this.#hook}`,
    ];
    const hints = [...new Set(watched)].toSorted(deepestFirst).map((path) => `irmap-scan-path ${path}`);
    replaceFile(this.pathOf(container), [...options, ...hints, ''].join('\n'), 0o644);
  }

  /** The container is gone. */
  remove(container: string): void {
    rmSync(this.pathOf(container), { force: true });
  }
}

/** CRIU goes through the hints in order and descends into those that do not match: small ones first. */
function deepestFirst(one: string, other: string): number {
  return other.split('/').length - one.split('/').length;
}
