// Files of containerd's configuration that change together and then need a restart: all of it, or everything as it was.
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { Undo } from '#core/undo.ts';
import { expectUntried, hashOf, writeRecord, type InstallRecord } from '#agent/install/install-record.ts';
import type { ContainerdNode } from '#agent/install/node-port.ts';

/**
 * Leaving its scope before `finish` has returned puts all files back, and restarts containerd if it had been restarted
 * for them.
 */
export class ConfigChange implements AsyncDisposable {
  readonly #node: ContainerdNode;
  readonly #undo = new Undo();
  #record: InstallRecord;
  #restarting = false;

  /**
   * @param change what is to be changed, as text. ERR_CONTAINERD_CONFIG when containerd did not start with it before
   */
  constructor(node: ContainerdNode, record: InstallRecord, change: string) {
    expectUntried(record, change);
    this.#node = node;
    this.#record = record;
    this.#undo.push(() => writeRecord(node, this.#restarting ? { ...record, failed: hashOf(change) } : record));
    this.#undo.push(() => {
      if (this.#restarting) node.containerd.restart();
    });
    writeRecord(node, { ...record, restartDue: true });
  }

  /**
   * @param text null for no file
   * @param earlier what is put back; what is there now if left out
   */
  put(path: string, text: string | null, earlier = this.#node.read(path) ?? null): void {
    this.#undo.push(() => this.#lay(path, earlier));
    this.#lay(path, text);
  }

  #lay(path: string, text: string | null): void {
    if (text === null) this.#node.remove(path);
    else this.#node.write(path, text);
  }

  /** Remembers what of the configuration is ours from now on. */
  remember(added: InstallRecord['added']): void {
    const { added: _earlier, ...others } = this.#record;
    this.#record = added === undefined ? others : { ...others, added };
    writeRecord(this.#node, { ...this.#record, restartDue: true });
  }

  /** containerd reads the files. ERR_CONTAINERD_CONFIG when it does not come up with them. */
  finish(): void {
    this.#restarting = true;
    try {
      this.#node.containerd.restart();
    } catch (cause) {
      throw new GodwitError(
        'ERR_CONTAINERD_CONFIG',
        `containerd did not start with its new configuration and got the old one back: ${asGodwitError(cause).message}`,
        { cause },
      );
    }
    const { failed: _failed, ...record } = this.#record;
    writeRecord(this.#node, { ...record, restartDue: false });
    this.#undo.commit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo[Symbol.asyncDispose]();
  }
}
