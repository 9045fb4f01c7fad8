// `kubectl godwit explain`: what a word of the API means, or what became of a Migration and what to do.
import type { Command } from 'commander';
import { errorCatalog } from '#core/error-catalog.ts';
import { GodwitError } from '#core/errors.ts';
import { migrationReasons } from '#core/api/reasons.ts';
import { migrations } from '#core/kube/resources.ts';
import { sourceCheckList } from '#agent/preflight/source-checks.ts';
import { hang } from '../../render/wrap.ts';
import { printLines } from '../../terminal.ts';
import type { PluginContext } from '../plugin-context.ts';
import { storyLines } from '../render.ts';

export function addExplain(program: Command, { terminal, cluster }: PluginContext): void {
  program
    .command('explain')
    .description('explain a Migration, a reason (NoCandidate), an error (ERR_DUMP) or a check (PREFLIGHT_IO_URING)')
    .argument('<word>', 'name of a Migration, or one of these words')
    .action(async (word: string) => {
      const meaning = meaningOf(word);
      if (meaning !== undefined)
        return printLines(
          terminal,
          meaning.flatMap((text) => hang('', text, Math.max(60, terminal.width))),
        );
      if (!isObjectName(word))
        throw new GodwitError(
          'ERR_CONFIG_INVALID',
          `${word} is no reason, error or check that is explained here; a refusal bears its own fact and remedy`,
        );
      const { api, namespace, close } = cluster();
      try {
        return printLines(terminal, storyLines(await api.get(migrations, { namespace, name: word }), terminal));
      } finally {
        close();
      }
    });
}

/** As the API has them: the other words have capitals. */
const isObjectName = (word: string): boolean => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(word);

/** What the word means and what to do; undefined when it is none of ours. */
function meaningOf(word: string): string[] | undefined {
  const reason = Object.entries(migrationReasons).find(([name]) => name === word);
  if (reason !== undefined) return [reason[1]];
  const error = Object.entries(errorCatalog).find(([code]) => code === word);
  if (error !== undefined) return [error[1].meaning, `→ ${error[1].remedy}`];
  const check = sourceCheckList.find(({ code }) => code === word);
  return check === undefined ? undefined : [check.about];
}
