// Shell completion: commands and options from the program, containers and handovers from the agent.
import type { Command } from 'commander';

/** A bash function that completes `godwit`; zsh runs the same function through its bash compatibility. */
export function completionScript(program: Command, shell: 'bash' | 'zsh'): string {
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const names = commands.map((command) => command.name()).join(' ');
  const globals = optionsOf(program);
  const cases = commands.map(
    (command) =>
      `    ${command.name()}) words="${[...optionsOf(command), ...globals].join(' ')}"; ${dynamic(command)} ;;`,
  );
  const script = `_godwit() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " ${names} " in *" $word "*) command="$word"; break ;; esac
  done
  case "$previous" in
    --socket|--out) COMPREPLY=($(compgen -f -- "$current")); return ;;
    -o|--output) COMPREPLY=($(compgen -W "text json name" -- "$current")); return ;;
    --to|--node|--days) COMPREPLY=(); return ;;
  esac
  case "$command" in
    "") words="${[names, ...globals].join(' ')}" ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _godwit godwit
`;
  return shell === 'bash' ? script : `autoload -Uz bashcompinit && bashcompinit\n${script}`;
}

function optionsOf(command: Command): string[] {
  return command.options.flatMap((option) => [option.long, option.short].filter((flag) => typeof flag === 'string'));
}

/** What else the first argument of a command may be. */
function dynamic(command: Command): string {
  const [argument] = command.registeredArguments;
  if (argument === undefined) return ':';
  if (argument.argChoices !== undefined) return `words="$words ${argument.argChoices.join(' ')}"`;
  const list = argument.name() === 'container' ? 'ps' : 'get';
  return `words="$words $(godwit ${list} -o name 2>/dev/null)"`;
}
