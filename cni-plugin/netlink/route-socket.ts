// Routing netlink without the traps of sockets in Node: one request at a time, errors with their code, any namespace.
import { closeSync } from 'node:fs';
import { HEADER_LENGTH, AttrStream, formatHeader, parseMessages, readS32 } from 'netlink/dist/structs.js';
import { closeOffLoop, netlinkOpen, netlinkRequest, netlinkRequestOffLoop } from '#cni/native/addon.ts';
import { KernelRefusal, replyError } from './kernel-refusal.ts';

const NETLINK_ROUTE = 0;
const ERROR = 2;
const DONE = 3;
const FLAG_REQUEST = 1;
const FLAG_ACK = 4;
const FLAG_DUMP = 0x300;

export const createFlags = { create: 0x400, exclusive: 0x200, replace: 0x100, append: 0x800 } as const;

/**
 * A routing netlink socket of the namespace it was opened in. The kernel does the work inside the call, so each request
 * is complete when it returns; throws KernelRefusal with the kernel's code (`EEXIST`) and words.
 */
export class RouteSocket {
  readonly #fd = netlinkOpen(NETLINK_ROUTE);
  #offLoop: Promise<unknown> = Promise.resolve();

  /** Sends one message; returns the payloads of the answer other than its acknowledgement. */
  request(type: number, flags: number, write: (out: AttrStream) => void): Buffer[] {
    return readReply(netlinkRequest(this.#fd, encode(type, flags | FLAG_REQUEST | FLAG_ACK, write)));
  }

  /** All objects of a kind. */
  dump(type: number, write: (out: AttrStream) => void): Buffer[] {
    return readReply(netlinkRequest(this.#fd, encode(type, FLAG_REQUEST | FLAG_DUMP, write)));
  }

  /**
   * Like `request` on a pool thread, for what waits inside the kernel; needs a socket that nothing else uses meanwhile.
   */
  async requestOffLoop(type: number, flags: number, write: (out: AttrStream) => void): Promise<void> {
    const message = encode(type, flags | FLAG_REQUEST | FLAG_ACK, write);
    const turn = this.#offLoop.then(async () => readReply(await netlinkRequestOffLoop(this.#fd, message)));
    this.#offLoop = turn.catch(() => undefined); // the caller of that turn has the error
    await turn;
  }

  close(): void {
    closeSync(this.#fd);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#offLoop;
    await closeOffLoop(this.#fd);
  }
}

function encode(type: number, flags: number, write: (out: AttrStream) => void): Buffer {
  const body = new AttrStream();
  write(body);
  const payload = Buffer.concat(body.bufs);
  return Buffer.concat([
    formatHeader({ length: HEADER_LENGTH + payload.length, type, flags, seq: 1, port: 0 }),
    payload,
  ]);
}

/** Payloads of an answer; throws what the kernel refused. */
export function readReply(reply: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (const { type, data } of parseMessages(reply)) {
    if (type === ERROR && readS32.call(data, 0) !== 0) throw replyError(data);
    if (type !== ERROR && type !== DONE) payloads.push(data);
  }
  return payloads;
}

/** Runs `change`; true when it was made, false when the kernel said one of `codes`. */
export function unlessRefused(codes: readonly string[], change: () => void): boolean {
  try {
    change();
    return true;
  } catch (error) {
    if (error instanceof KernelRefusal && codes.includes(error.code)) return false;
    throw error;
  }
}
