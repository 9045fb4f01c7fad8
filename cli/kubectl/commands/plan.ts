// `kubectl godwit plan`: a dry run, whose object is taken away again.
import type { Command } from 'commander';
import { isUnderway, type Migration } from '#core/api/migration.ts';
import { GodwitError } from '#core/errors.ts';
import { migrations } from '#core/kube/resources.ts';
import { outputOption } from '../../output-option.ts';
import { painter } from '../../render/paint.ts';
import { counted } from '../../render/units.ts';
import { printJson, printLines, type Terminal } from '../../terminal.ts';
import { exitCodeOf } from '../follow.ts';
import { newMigration } from '../new-migration.ts';
import type { PluginContext } from '../program.ts';
import { findingLines } from '../render.ts';

const limitMs = 30_000;

export function addPlan(program: Command, { terminal, cluster, exit }: PluginContext): void {
  program
    .command('plan')
    .description('check whether a pod could move now; changes nothing')
    .argument('<pod>', 'name of the pod')
    .option('--to <node>', 'node it would move to; any that can take it unless given')
    .addOption(outputOption(['text', 'json']))
    .action(async (podName: string, { to, output }: { to?: string; output: string }) => {
      const session = cluster();
      const { namespace, api } = session;
      const asked = await api.create(migrations, newMigration({ podName, namespace, to, dryRun: true, deadlineSeconds: 20 }));
      try {
        let answer: Migration | undefined;
        for await (const migration of session.follow(asked.metadata.name, AbortSignal.timeout(limitMs))) answer = migration;
        if (answer === undefined || isUnderway(answer)) throw new GodwitError('ERR_DEADLINE', `nobody answered within ${limitMs / 1000} s; kubectl godwit doctor looks why`);
        if (output === 'json') printJson(terminal, answer);
        else printLines(terminal, planLines(answer, terminal));
        exit(exitCodeOf(answer));
      } finally {
        await api.delete(migrations, { namespace, name: asked.metadata.name });
        session.close();
      }
    });
}

function planLines(migration: Migration, { width, color }: Terminal): string[] {
  const paint = painter(color);
  const { status = {}, spec } = migration;
  const refusals = status.refusals ?? [];
  const end = status.conditions?.find(({ type }) => type === 'Succeeded');
  const verdict = status.phase === 'Succeeded'
    ? paint('good', ` ✓ can move: kubectl godwit migrate ${spec.podName}`)
    : paint('bad', refusals.length > 0 ? ` ✗ refused: ${counted(refusals.length, 'check')} in the way` : ` ✗ ${end?.reason}: ${end?.message}`);
  return [` ${paint('strong', spec.podName)}   on ${status.source?.nodeName ?? '-'}`, ...findingLines(migration, Math.max(60, width), paint), verdict];
}
