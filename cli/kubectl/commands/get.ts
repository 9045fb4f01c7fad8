// `kubectl godwit get`: Migrations that run or ran; one of them as the picture.
import type { Command } from 'commander';
import { byAge, type Migration } from '#core/api/migration.ts';
import { migrations } from '#core/kube/resources.ts';
import { outputOption } from '../../output-option.ts';
import { printJson, printLines } from '../../terminal.ts';
import type { PluginContext } from '../plugin-context.ts';
import { migrationTable, storyLines } from '../render.ts';

interface GetOptions {
  output: string;
  allNamespaces?: boolean;
}

export function addGet(program: Command, { terminal, cluster }: PluginContext): void {
  program
    .command('get')
    .description('list Migrations, or show one of them')
    .argument('[migration]', 'name of the Migration')
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(outputOption(['text', 'json', 'name']))
    .action(async (name: string | undefined, { output, allNamespaces = false }: GetOptions) => {
      const { api, namespace, close } = cluster();
      try {
        if (name !== undefined) {
          const found = await api.get(migrations, { namespace, name });
          if (output === 'json') return printJson(terminal, found);
          return printLines(terminal, output === 'name' ? [name] : storyLines(found, terminal));
        }
        const { items } = await api.list(migrations, allNamespaces ? {} : { namespace });
        const sorted = items.toSorted(byAge).toReversed();
        if (output === 'json') return printJson(terminal, sorted);
        if (output === 'name')
          return printLines(
            terminal,
            sorted.map((migration) => nameOf(migration, allNamespaces)),
          );
        if (sorted.length === 0) terminal.err(`no Migrations in ${allNamespaces ? 'any namespace' : namespace}\n`);
        return printLines(terminal, migrationTable(sorted, { now: terminal.now(), allNamespaces }));
      } finally {
        close();
      }
    });
}

const nameOf = ({ metadata }: Migration, withNamespace: boolean): string =>
  withNamespace ? `${metadata.namespace}/${metadata.name}` : metadata.name;
