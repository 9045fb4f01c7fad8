// `kubectl godwit completion`: what kubectl runs to complete the plugin's words (kubectl_complete-godwit in PATH).
import type { Command } from 'commander';
import type { PluginContext } from '../program.ts';

export function addCompletion(program: Command, { terminal }: PluginContext): void {
  program
    .command('completion')
    .description('print a script for kubectl\'s completion: kubectl godwit completion > /usr/local/bin/kubectl_complete-godwit; chmod +x it')
    .action(() => terminal.out(script(program)));
}

/** kubectl calls it with the words so far; it answers with candidates, one a line, and `:4` (no file names). */
function script(program: Command): string {
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const cases = commands.map((command) => `  ${command.name()}) ${candidates(command)} ;;`);
  return `#!/bin/sh
# Completion of kubectl godwit; printed by: kubectl godwit completion
if [ $# -le 1 ]; then
  printf '%s\\n' ${commands.map((command) => command.name()).join(' ')}
  echo :4
  exit
fi
case "$1" in
${cases.join('\n')}
esac
echo :4
`;
}

function candidates(command: Command): string {
  const options = command.options.flatMap(({ long }) => (long === null || long === undefined ? [] : [long]));
  const [argument] = command.registeredArguments;
  const names = { pod: 'kubectl get pods -o name | cut -d/ -f2', node: 'kubectl get nodes -o name | cut -d/ -f2', migration: 'kubectl get migrations.godwit.dev -o name | cut -d/ -f2' }[argument?.name() ?? ''];
  const said = options.length === 0 ? ':' : `printf '%s\\n' ${options.join(' ')}`;
  return names === undefined ? said : `${names}; ${said}`;
}
