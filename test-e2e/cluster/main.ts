// The test cluster from the command line: `main.ts up|down`.
import { asGodwitError } from '#core/errors.ts';
import { down, up } from '#cluster/kind.ts';

try {
  const [command] = process.argv.slice(2);
  if (command === 'up') await up();
  else if (command === 'down') await down();
  else throw new Error('say up or down');
} catch (thrown) {
  const { code, message } = asGodwitError(thrown);
  process.stderr.write(`cluster: ${code}: ${message}\n`);
  process.exitCode = 1;
}
