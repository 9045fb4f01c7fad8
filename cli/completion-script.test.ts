import { execFileSync } from 'node:child_process';
import test from 'ava';
import { godwit } from './test-agent.ts';

/** What bash offers for the last of `words`; containers and handovers come from a stand-in for the program. */
async function offered(...words: string[]): Promise<string[]> {
  const { stdout: script } = await godwit('/nowhere', ['completion', 'bash']);
  const ask = `godwit() { echo "$1-result"; }\nCOMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _godwit; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const printed = execFileSync('bash', ['-c', `${script}\n${ask}`, 'bash', ...words], { encoding: 'utf8' });
  return printed.split('\n').filter((word) => word !== '');
}

test('bash completes commands', async (t) => {
  t.deepEqual(await offered('godwit', 'mi'), ['migrate']);
});

test('bash completes the options of a command and those of all', async (t) => {
  t.deepEqual((await offered('godwit', 'migrate', '--')).sort(), [
    '--detach',
    '--output',
    '--socket',
    '--to',
    '--version',
  ]);
});

test('bash completes containers and handovers by asking the program', async (t) => {
  t.deepEqual(await offered('godwit', '--socket', '/x', 'migrate', 'ps'), ['ps-result']);
  t.deepEqual(await offered('godwit', 'cancel', 'ge'), ['get-result']);
});

test('zsh gets the same function with bash compatibility', async (t) => {
  const { stdout } = await godwit('/nowhere', ['completion', 'zsh']);
  t.regex(stdout, /^autoload -Uz bashcompinit && bashcompinit\n_godwit\(\) \{/);
});
