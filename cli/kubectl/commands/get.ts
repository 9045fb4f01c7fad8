// `kubectl godwit get`: Migrations that run or ran; one of them as the picture.
import type { Command } from 'commander';
import { migrations } from '#core/kube/resources.ts';
import { outputOption } from '../../output-option.ts';
import { printJson, printLines } from '../../terminal.ts';
import type { PluginContext } from '../program.ts';
import { migrationTable, storyLines } from '../render.ts';

export function addGet(program: Command, { terminal, cluster }: PluginContext): void {
  program
    .command('get')
    .description('list Migrations, or show one of them')
    .argument('[migration]', 'name of the Migration')
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(outputOption(['text', 'json', 'name']))
    .action(async (name: string | undefined, { output, allNamespaces }: { output: string; allNamespaces?: true }) => {
      const { api, namespace, close } = cluster();
      try {
        if (name !== undefined) {
          const found = await api.get(migrations, { namespace, name });
          if (output === 'json') return printJson(terminal, found);
          return printLines(terminal, output === 'name' ? [name] : storyLines(found, terminal));
        }
        const { items } = await api.list(migrations, allNamespaces === true ? {} : { namespace });
        const sorted = items.toSorted((a, b) => (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''));
        if (output === 'json') return printJson(terminal, sorted);
        if (output === 'name') return printLines(terminal, sorted.map(({ metadata }) => metadata.name));
        if (sorted.length === 0) terminal.err(`no Migrations in ${allNamespaces === true ? 'any namespace' : namespace}\n`);
        return printLines(terminal, migrationTable(sorted, terminal.now()));
      } finally {
        close();
      }
    });
}
