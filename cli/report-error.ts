// The one place where an error becomes words and an exit code.
import { asGodwitError, type ErrorCode, type GodwitError } from '#core/errors.ts';
import type { HandoverRecord, Refusal } from '#core/api/handover.ts';
import { RequestFailed } from './agent-http.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { painter } from './render/paint.ts';
import { refusalLines } from './render/refusals.ts';
import { hang } from './render/wrap.ts';
import { printJson, type Terminal } from './terminal.ts';

/** Prints code, message and remedy to stderr, with `-o json` also one JSON object to stdout; returns the exit code. */
export function reportError(thrown: unknown, terminal: Terminal, output: string): ExitCode {
  const error = thrown instanceof RequestFailed ? thrown.error : asGodwitError(thrown);
  const refusals = thrown instanceof RequestFailed ? thrown.refusals : [];
  if (output === 'json')
    printJson(terminal, { error: error.toRecord(), ...(refusals.length === 0 ? {} : { refusals }) });
  terminal.err(`${errorLines(error, refusals, terminal).join('\n')}\n`);
  if (refusals.length > 0 || error.code === 'ERR_REFUSED') return exitCodes.refused.code;
  if (error.code === 'ERR_AGENT_UNREACHABLE' || error.code === 'ERR_KUBE_UNAVAILABLE')
    return exitCodes.unreachable.code;
  return badInput.has(error.code) ? exitCodes.usage.code : exitCodes.failed.code;
}

/** Errors of the one who typed: nothing was changed, and the same line will fail again. */
const badInput: ReadonlySet<ErrorCode> = new Set([
  'ERR_CERTIFICATE_EXISTS',
  'ERR_CERTIFICATE_FILES',
  'ERR_CONFIG_INVALID',
  'ERR_CONTAINER_AMBIGUOUS',
  'ERR_CONTAINER_UNKNOWN',
  'ERR_HANDOVER_UNKNOWN',
  'ERR_KUBE_INVALID',
  'ERR_KUBE_NOT_FOUND',
  'ERR_PEER_UNKNOWN',
]);

/** Exit code of a handover that is over. */
export function exitCodeOf(record: HandoverRecord): ExitCode {
  if (record.state === 'succeeded') return exitCodes.ok.code;
  return record.state === 'refused' ? exitCodes.refused.code : exitCodes.failed.code;
}

function errorLines(error: GodwitError, refusals: readonly Refusal[], { width: columns, color }: Terminal): string[] {
  const paint = painter(color);
  return [
    ...hang('', `${error.code}: ${error.message}`, columns).map((line) => paint('bad', line)),
    ...hang('  → ', error.remedy, columns),
    ...refusalLines(refusals, { mark: '✗', tone: 'bad', columns, paint }),
  ];
}
