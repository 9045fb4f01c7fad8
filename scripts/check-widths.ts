// Comments and prose stay within 120 columns, as the formatter holds the code. What cannot be wrapped is left out:
// tables, blocks of code, addresses, and pages that are generated.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';

const columns = 120;
const comment = { slashes: /^\s*(?:\/\/|\/?\*+[ /])/, hash: /^\s*# / };
const generated = /^docs\/reference\//;

const files = execFileSync('git', ['ls-files', '*.ts', '*.js', '*.c', '*.h', '*.sh', '*.py', '*.md', 'Makefile'], {
  encoding: 'utf8',
});

/** Numbers of the lines that are too long, from 1. */
function tooLong(file: string): number[] {
  const isProse = file.endsWith('.md');
  const isComment = /\.(?:ts|js|c|h)$/.test(file) ? comment.slashes : comment.hash;
  let inBlock = false;
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      if (isProse && /^\s*```/.test(line)) inBlock = !inBlock;
      const isText = isProse ? !inBlock && !/^\s*\|/.test(line) : isComment.test(line);
      return isText && line.length > columns && !/\S{80}/.test(line) ? [index + 1] : [];
    });
}

const found = files
  .trim()
  .split('\n')
  .filter((file) => !generated.test(file))
  .flatMap((file) => tooLong(file).map((line) => `${file}:${line}: more than ${columns} columns`));
for (const line of found) console.log(line);
process.exitCode = found.length === 0 ? 0 : 1;
