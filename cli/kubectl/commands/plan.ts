// `kubectl godwit plan`: a dry run, whose object is taken away again.
import type { Command } from 'commander';
import { isUnderway, type Migration } from '#core/api/migration.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { migrations } from '#core/kube/resources.ts';
import { exitCodes } from '../../exit-codes.ts';
import { outputOption } from '../../output-option.ts';
import { forecastLine } from '../../render/checks.ts';
import { painter } from '../../render/paint.ts';
import { counted } from '../../render/units.ts';
import { printJson, printLines, type Terminal } from '../../terminal.ts';
import type { ClusterSession } from '../cluster-session.ts';
import { exitCodeOf } from '../follow.ts';
import { makeMigration } from '../new-migration.ts';
import type { PluginContext } from '../plugin-context.ts';
import { findingLines } from '../render.ts';
import { timeoutOption } from '../timeout-option.ts';

interface PlanOptions {
  to?: string;
  timeout: number;
  output: string;
}

/** The controller says that it found no answer in time, before nobody listens any more. */
const answerShare = 2 / 3;
/** The controller takes the object away when this program could not. */
const leftoverSeconds = 60;

export function addPlan(program: Command, context: PluginContext): void {
  program
    .command('plan')
    .description('check whether a pod could move now; changes nothing')
    .argument('<pod>', 'name of the pod')
    .option('--to <node>', 'node it would move to; any that can take it unless given')
    .addOption(timeoutOption('give up when nobody has answered after this time').default(30))
    .addOption(outputOption(['text', 'json']))
    .action(async (podName: string, options: PlanOptions) => {
      const { terminal } = context;
      const session = context.cluster();
      const left = new AbortController();
      const release = terminal.onInterrupt(() => left.abort());
      try {
        await plan(context, session, podName, options, left.signal);
      } finally {
        release();
        session.close();
      }
    });
}

async function plan(
  { terminal, exit }: PluginContext,
  session: ClusterSession,
  podName: string,
  { to, timeout, output }: PlanOptions,
  left: AbortSignal,
): Promise<void> {
  const asked = await makeMigration(session, {
    podName,
    to,
    dryRun: true,
    deadlineSeconds: Math.ceil(timeout * answerShare),
    ttlSecondsAfterFinished: leftoverSeconds,
  });
  const { name } = asked.metadata;
  let answer = asked;
  try {
    for await (const migration of session.follow(name, AbortSignal.any([left, AbortSignal.timeout(timeout * 1000)])))
      answer = migration;
  } finally {
    await takeAway(session, name, terminal);
  }
  if (left.aborted) {
    terminal.err('stopped; nothing was changed\n');
    return exit(exitCodes.failed.code);
  }
  if (isUnderway(answer))
    throw new GodwitError('ERR_DEADLINE', `nobody answered within ${timeout} s; kubectl godwit doctor looks why`);
  if (output === 'json') printJson(terminal, answer);
  else printLines(terminal, planLines(answer, terminal));
  exit(exitCodeOf(answer));
}

/** An object that stays does no harm: it must not hide the answer. */
async function takeAway({ api, namespace }: ClusterSession, name: string, terminal: Terminal): Promise<void> {
  try {
    await api.delete(migrations, { namespace, name });
  } catch (thrown) {
    terminal.err(`the dry run ${name} is still there: ${asGodwitError(thrown).message}\n`);
  }
}

function planLines(migration: Migration, { width, color }: Terminal): string[] {
  const paint = painter(color);
  const { status = {}, spec } = migration;
  const refusals = status.refusals ?? [];
  const end = status.conditions?.find(({ type }) => type === 'Succeeded');
  const to = spec.targetNodeName === undefined ? '' : ` --to ${spec.targetNodeName}`;
  const forecast = status.forecast === undefined ? [] : [forecastLine(status.forecast)];
  const verdict =
    status.phase === 'Succeeded'
      ? paint('good', ` ✓ can move: kubectl godwit migrate ${spec.podName}${to} -n ${migration.metadata.namespace}`)
      : paint(
          'bad',
          refusals.length > 0
            ? ` ✗ refused: ${counted(refusals.length, 'check')} in the way`
            : ` ✗ ${end?.reason}: ${end?.message}`,
        );
  return [
    ` ${paint('strong', spec.podName)}   on ${status.source?.nodeName ?? '-'}`,
    ...findingLines(migration, Math.max(60, width), paint),
    ...forecast,
    verdict,
  ];
}
