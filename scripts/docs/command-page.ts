// docs/reference/cli.md: every command with its arguments and options, from the program itself.
import type { Argument, Command, Option } from 'commander';
import { markdownTable, page } from './markdown.ts';

/** @param words title of the page, where the program reaches, and what it prints line by line */
export function commandPage(
  program: Command,
  exitCodes: readonly { code: number; meaning: string }[],
  words: { title: string; reach: string; record: string },
): string {
  return page(
    words.title,
    program.description(),
    words.reach,
    `## Options of all commands\n\n${optionTable(program.options)}`,
    ...program.commands.map((command) => section(program.name(), command)),
    `## Exit codes\n\n${markdownTable(
      ['Code', 'Meaning'],
      exitCodes.map(({ code, meaning }) => [String(code), meaning]),
    )}`,
    '## Output\n\n' +
      'Results go to stdout, everything else to stderr. Errors are printed to stderr with code, message and remedy; with `-o json` stdout also gets one object ' +
      `\`{"error": {...}, "refusals": [...]}\`. \`migrate\` and \`watch\` with \`-o json\` print one ${words.record} a line (NDJSON) whenever it changes. ` +
      'Colour is used on terminals only, and not at all when `NO_COLOR` is set.',
  );
}

function section(name: string, command: Command): string {
  const usage = `${name} ${command.name()} ${command.usage()}`;
  const args = command.registeredArguments;
  return [
    `## ${name} ${command.name()}`,
    sentence(command.description()),
    `\`\`\`\n${usage}\n\`\`\``,
    ...(args.length === 0
      ? []
      : [
          markdownTable(
            ['Argument', 'Meaning'],
            args.map((argument) => argumentRow(argument)),
          ),
        ]),
    ...(command.options.length === 0 ? [] : [optionTable(command.options)]),
  ].join('\n\n');
}

function argumentRow(argument: Argument): string[] {
  const choices = argument.argChoices === undefined ? '' : ` (${argument.argChoices.join(', ')})`;
  return [`\`${argument.name()}\`${argument.required ? '' : ', optional'}`, `${argument.description}${choices}`];
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map((option) => {
    const choices = option.argChoices === undefined ? '' : ` (${option.argChoices.join(', ')})`;
    return [
      `\`${option.flags}\``,
      `${option.description}${choices}`,
      option.mandatory ? 'required' : defaultOf(option),
    ];
  });
  return markdownTable(['Option', 'Meaning', 'Default'], rows);
}

function defaultOf(option: Option): string {
  const value: unknown = option.defaultValue;
  return value === undefined ? '' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
