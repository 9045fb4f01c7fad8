// `godwit completion`: a script for the shell, made from the tree of commands.
import { Argument, type Command } from 'commander';
import { completionScript } from '../completion-script.ts';
import type { Context } from '../context.ts';

export function addCompletion(program: Command, { terminal }: Context): void {
  program
    .command('completion')
    .description('print a completion script: source <(godwit completion bash)')
    .addArgument(new Argument('<shell>', 'shell to complete in').choices(['bash', 'zsh']))
    .action((shell: 'bash' | 'zsh') => terminal.out(completionScript(program, shell)));
}
