// The bytes of a CNI call between the shim and the agent, on the socket and in the journal alike.
import { GodwitError } from '#core/errors.ts';
import type { CniCall } from './verbs/dispatch.ts';

/** u32 LE: bytes that follow it. */
export const lengthBytes = 4;

/**
 * Reads what follows the length: u32 LE number of variables, each `KEY=VALUE\0`, then standard input.
 * ERR_CNI_DECODE when it is something else.
 */
export function decodeCall(body: Buffer): CniCall {
  const count = body.length < lengthBytes ? Number.POSITIVE_INFINITY : body.readUInt32LE(0);
  const env: Record<string, string> = {};
  let offset = lengthBytes;
  for (let index = 0; index < count; index += 1) {
    const end = body.indexOf(0, offset);
    const equals = body.indexOf('=', offset);
    if (end === -1 || equals === -1 || equals > end)
      throw new GodwitError('ERR_CNI_DECODE', 'the request of the shim is cut short');
    env[body.toString('utf8', offset, equals)] = body.toString('utf8', equals + 1, end);
    offset = end + 1;
  }
  return { env, stdin: body.toString('utf8', offset) };
}

/** Undo of `decodeCall`, with the length in front. */
export function encodeCall({ env, stdin }: CniCall): Buffer {
  const entries = Object.entries(env).map(([key, value]) => Buffer.from(`${key}=${value}\0`));
  const body = Buffer.concat([Buffer.alloc(lengthBytes), ...entries, Buffer.from(stdin)]);
  body.writeUInt32LE(entries.length, 0);
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(body.length, 0);
  return Buffer.concat([length, body]);
}
