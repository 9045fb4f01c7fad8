// A netlink request that the kernel refused, with its code and, where it gives one, its explanation.
import { getSystemErrorName } from 'node:util';
import { parseAttributes, readS32 } from 'netlink/dist/structs.js';

/** The attribute of an extended acknowledgement that carries text for people. */
const EXT_ACK_TEXT = 1;
/** Error code and the capped header of the request; extended acknowledgement attributes follow. */
const ERROR_BYTES = 20;

export class KernelRefusal extends Error {
  override readonly name = 'KernelRefusal';
  /** As in errno(3): `EEXIST`. */
  readonly code: string;

  constructor(code: string, text: string) {
    super(text === '' ? `the kernel refused: ${code}` : `the kernel refused: ${code}: ${text}`);
    this.code = code;
  }
}

/** Payload of an NLMSG_ERROR as an error. */
export function replyError(payload: Buffer): KernelRefusal {
  return new KernelRefusal(errnoName(readS32.call(payload, 0)), explanation(payload.subarray(ERROR_BYTES)));
}

function errnoName(negated: number): string {
  try {
    return getSystemErrorName(negated);
  } catch {
    return `E${-negated}`; // not every errno has a name in libuv; the number is as good
  }
}

function explanation(attributes: Buffer): string {
  let text = '';
  parseAttributes(attributes, ({ type, data }) => {
    if (type === EXT_ACK_TEXT) text = data.toString('utf8').replace(/\0+$/, '');
  });
  return text;
}
