// `kubectl godwit completion`: what kubectl runs to complete the plugin's words (kubectl_complete-godwit in PATH).
import type { Command } from 'commander';
import type { PluginContext } from '../plugin-context.ts';

export function addCompletion(program: Command, { terminal }: PluginContext): void {
  program
    .command('completion')
    .description(
      "print a script for kubectl's completion: kubectl godwit completion > /usr/local/bin/kubectl_complete-godwit; chmod +x it",
    )
    .action(() => terminal.out(script(program)));
}

/**
 * kubectl calls it with the words so far, the last one unfinished; it answers with candidates, one a line, and `:4` (no
 * file names).
 */
function script(program: Command): string {
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const names = commands.map((command) => command.name()).join(' ');
  const cases = commands.map((command) => `  ${command.name()}) ${candidates(command)} ;;`);
  return `#!/bin/sh
# Completion of kubectl godwit; printed by: kubectl godwit completion
command= scope= previous= left=$#
for word in "$@"; do
  left=$((left - 1))
  [ $left -gt 0 ] || break
  case "$previous" in -n|--namespace) scope="--namespace=$word" ;; esac
  [ -n "$command" ] || case " ${names} " in *" $word "*) command=$word ;; esac
  previous=$word
done
objects() { kubectl get $scope "$1" -o name | cut -d/ -f2; }
case "$previous" in
  -n|--namespace) objects namespaces; echo :4; exit ;;
  --to) objects nodes; echo :4; exit ;;
  -o|--output) printf '%s\\n' text json name; echo :4; exit ;;
esac
case "$command" in
  '') printf '%s\\n' ${[names, ...longOptions(program)].join(' ')} ;;
${cases.join('\n')}
esac
[ -z "$command" ] || printf '%s\\n' ${longOptions(program).join(' ')}
echo :4
`;
}

const kindOf: Readonly<Record<string, string>> = {
  pod: 'pods',
  node: 'nodes',
  migration: 'migrations.godwit.dev',
  word: 'migrations.godwit.dev',
};

function candidates(command: Command): string {
  const options = longOptions(command);
  const kind = kindOf[command.registeredArguments[0]?.name() ?? ''];
  const said = [
    ...(kind === undefined ? [] : [`objects ${kind}`]),
    ...(options.length === 0 ? [] : [`printf '%s\\n' ${options.join(' ')}`]),
  ];
  return said.join('; ') || ':';
}

const longOptions = (command: Command): string[] =>
  command.options.flatMap(({ long }) => (typeof long === 'string' ? [long] : []));
