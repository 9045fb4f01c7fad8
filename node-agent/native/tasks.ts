// System calls in the name of a task that stands still in one (native/tasks-addon.c); synchronous, all from the agent's
// main thread.
import { createRequire } from 'node:module';

interface Addon {
  attach(task: number, syscall: number): Buffer;
  call(
    task: number,
    registers: Buffer,
    number: number,
    values: BigInt64Array,
    data: Buffer | undefined,
    place: number,
  ): number;
  detach(task: number): void;
}

const addon: Addon = createRequire(import.meta.url)('../../build/godwit-tasks.node');

/** Numbers of x86-64. */
export const syscalls = { wait4: 61, fcntl: 72, ptrace: 101, personality: 135, prctl: 157, futex: 202 } as const;
const argumentCount = 6;

export interface StoppedTask {
  /**
   * What the kernel answers: a negative errno when it refuses. One argument may be bytes, of which the kernel gets the
   * address.
   */
  call(number: number, args: readonly (number | bigint | Buffer)[]): number;
}

/**
 * Stops a task that waits in system call `waitsIn`, lets `use` make calls in its name, and lets it go on waiting.
 * Throws EAGAIN when it does not wait there (yet), and EPERM when somebody else traces it.
 */
export function whileStopped<T>(task: number, waitsIn: number, use: (stopped: StoppedTask) => T): T {
  const registers = addon.attach(task, waitsIn);
  try {
    return use({
      call(number, args) {
        const place = args.findIndex((arg) => typeof arg === 'object');
        const data = args[place];
        const values = BigInt64Array.from({ length: argumentCount }, (_, index) => asValue(args[index] ?? 0));
        return addon.call(task, registers, number, values, typeof data === 'object' ? data : undefined, place);
      },
    });
  } finally {
    addon.detach(task);
  }
}

function asValue(arg: number | bigint | Buffer): bigint {
  return typeof arg === 'object' ? 0n : BigInt(arg);
}
