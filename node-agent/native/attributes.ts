// The typed face of native/attributes-addon.c: what the kernel keeps for tasks and sockets of others.
import { createRequire } from 'node:module';

interface Addon {
  /** `[descriptor, inode, descriptor, inode...]`; a process that is gone has none. */
  sockets(pid: number): number[];
  /** System V semaphore sets in the IPC namespace of a process. */
  semaphoreSets(pid: number): number;
  /** The same open file, as a descriptor of this process: close it. */
  take(pid: number, fd: number): number;
  /**
   * Level, number and longest value of options; for each how long its value is (0: the socket has none), and the value.
   */
  getOptions(fd: number, options: Int32Array): Buffer;
  /** Sets; 0 or an errno. */
  setOption(fd: number, level: number, option: number, value: Buffer): number;
  getCpus(task: number): Buffer;
  setCpus(task: number, mask: Buffer): number;
  getIoPriority(task: number): number;
  setIoPriority(task: number, priority: number): number;
}

export const attributes: Addon = createRequire(import.meta.url)('../../build/godwit-attributes.node');
