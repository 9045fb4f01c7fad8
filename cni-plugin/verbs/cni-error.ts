// Our errors in CNI's words: numbers that container runtimes know, as JSON on standard output.
import { asGodwitError, type ErrorCode } from '#core/errors.ts';

/** Well-known codes of the CNI specification; from 100 on they are the plugin's own. */
const numbers: Partial<Record<ErrorCode, number>> = {
  ERR_CNI_VERSION: 1,
  ERR_CNI_ENV: 4,
  ERR_LEASE_STORE: 5,
  ERR_CNI_DECODE: 6,
  ERR_CNI_CONFIG: 7,
  ERR_ADDRESS_INVALID: 7,
  ERR_CNI_NETNS: 8,
  ERR_DEADLINE: 11,
  ERR_ADDRESS_TAKEN: 101,
  ERR_ADDRESS_EXHAUSTED: 102,
  ERR_LINK_EXISTS: 103,
  ERR_LINK_CHECK: 104,
  ERR_LINK_EPOCH: 105,
  ERR_LINK_UNKNOWN: 106,
  ERR_LINK_KERNEL: 107,
};

const INTERNAL = 999;
/** STATUS: the plugin cannot serve ADD. */
export const NOT_AVAILABLE = 50;

export interface CniReply {
  exitCode: number;
  stdout: string;
}

/** Any error as the reply of a failed verb; `number` replaces the code where the verb has its own. */
export function errorReply(error: unknown, cniVersion: string, number?: number): CniReply {
  const { code, message, remedy } = asGodwitError(error);
  const body = { cniVersion, code: number ?? numbers[code] ?? INTERNAL, msg: message, details: `${code}: ${remedy}` };
  return { exitCode: 1, stdout: `${JSON.stringify(body)}\n` };
}
