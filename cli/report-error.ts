// The one place where an error becomes words and an exit code.
import { asGodwitError, type GodwitError } from '#core/errors.ts';
import type { HandoverRecord, Refusal } from '#core/api/handover.ts';
import { RequestFailed } from './control-client.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { painter } from './render/paint.ts';
import { refusalLines } from './render/refusals.ts';
import { hang } from './render/wrap.ts';
import { printJson, type Terminal } from './terminal.ts';

/** Prints code, message and remedy to stderr, with `-o json` also one JSON object to stdout; returns the exit code. */
export function reportError(thrown: unknown, terminal: Terminal, output: string): ExitCode {
  const error = thrown instanceof RequestFailed ? thrown.error : asGodwitError(thrown);
  const refusals = thrown instanceof RequestFailed ? thrown.refusals : [];
  if (output === 'json') printJson(terminal, { error: error.toRecord(), ...(refusals.length === 0 ? {} : { refusals }) });
  terminal.err(`${errorLines(error, refusals, terminal).join('\n')}\n`);
  if (refusals.length > 0) return exitCodes.refused.code;
  if (error.code === 'ERR_AGENT_UNREACHABLE') return exitCodes.unreachable.code;
  const badInput = error.code === 'ERR_CONFIG_INVALID' || error.code.startsWith('ERR_CERTIFICATE_');
  const badRequest = thrown instanceof RequestFailed && [400, 404, 422].includes(thrown.status);
  return badInput || badRequest ? exitCodes.usage.code : exitCodes.failed.code;
}

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
