// The one error type: a stable code that scripts can test, a reason for people and conditions, and a remedy.
import { hasErrno } from '#core/errno.ts';
import { errorCatalog, type ErrorCode } from '#core/error-catalog.ts';

export type { ErrorCode } from '#core/error-catalog.ts';

export interface GodwitErrorOptions {
  cause?: unknown;
  /** Plain facts about this occurrence; shown by `-o json` and in logs, so never secrets. */
  details?: Record<string, unknown>;
}

/** What crosses process borders of a GodwitError: wire messages, journals, `-o json`. */
export interface ErrorRecord {
  code: ErrorCode;
  reason: string;
  message: string;
  remedy: string;
  retryable: boolean;
  details: Record<string, unknown>;
}

export class GodwitError extends Error {
  override readonly name = 'GodwitError';
  readonly code: ErrorCode;
  /** CamelCase word for conditions and events. */
  readonly reason: string;
  readonly remedy: string;
  readonly retryable: boolean;
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: GodwitErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const entry = errorCatalog[code];
    this.code = code;
    this.reason = entry.reason;
    this.remedy = entry.remedy;
    this.retryable = entry.retryable;
    this.details = options.details ?? {};
  }

  /** The same error, saying on which node it was. */
  on(node: string): GodwitError {
    if (this.details['node'] !== undefined) return this;
    const details = { ...this.details, node };
    return new GodwitError(this.code, `on ${node}: ${this.message}`, { cause: this.cause, details });
  }

  toRecord(): ErrorRecord {
    const { code, reason, message, remedy, retryable, details } = this;
    return { code, reason, message, remedy, retryable, details };
  }
}

/** Rebuilds an error that crossed a process border; an unknown code becomes ERR_INTERNAL and keeps its text. */
export function errorFromRecord(record: {
  code: string;
  message: string;
  details?: Record<string, unknown> | undefined;
}): GodwitError {
  const { code, message, details = {} } = record;
  return isErrorCode(code)
    ? new GodwitError(code, message, { details })
    : new GodwitError('ERR_INTERNAL', `${code}: ${message}`, { details });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalog, code);
}

/** What a system call says of a disk or a memory of files that takes nothing. */
export const storageErrnos: readonly string[] = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'];

/** Any thrown value as a GodwitError; foreign errors become `fallback` with the original as cause. */
export function asGodwitError(error: unknown, fallback: ErrorCode = 'ERR_INTERNAL'): GodwitError {
  if (error instanceof GodwitError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (hasErrno(error, storageErrnos)) return new GodwitError('ERR_STORAGE', message, { cause: error });
  return new GodwitError(fallback, message, { cause: error });
}
