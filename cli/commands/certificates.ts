// `godwit certificates`: an authority and one certificate a node, for agents that are not given theirs by a cluster.
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { issueFiles } from '../certificate-files.ts';
import { outputOption } from '../output-option.ts';
import type { Context } from '../context.ts';
import { printJson, printLines } from '../terminal.ts';

interface CertificateOptions {
  out: string;
  node: string[];
  days: number;
  output: string;
}

const longestDays = 3650;

export function addCertificates(program: Command, { terminal }: Context): void {
  program
    .command('certificates')
    .description('issue node certificates for the agents; makes an authority in the folder if there is none')
    .requiredOption('--out <dir>', 'folder of the authority and of what is issued')
    .requiredOption('--node <name>', 'node to issue a certificate for; may be given several times', collect)
    .option('--days <number>', 'how long node certificates are valid', wholeDays, 365)
    .addOption(outputOption(['text', 'json', 'name']))
    .action(async ({ out, node, days, output }: CertificateOptions) => {
      const { authority, written } = await issueFiles({ folder: out, nodes: node, days, now: terminal.now() });
      if (output === 'json') return printJson(terminal, { authority, written });
      if (output === 'name') return printLines(terminal, written);
      return printLines(terminal, [
        `${authority === 'created' ? 'created a new authority' : 'used the authority that is there'} in ${out}`,
        ...written.map((path) => `  ${path}`),
        'Give each node ca.crt and its own .crt and .key. Keep ca.key away from the nodes.',
      ]);
    });
}

function collect(name: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), name];
}

function wholeDays(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= longestDays) return days;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${longestDays}.`);
}
