// The terminal of this process: the only place that reads arguments of the environment and the standard streams.
import packageFile from '../package.json' with { type: 'json' };
import type { Terminal } from './terminal.ts';

const { stdout, stderr, env } = process;
const narrowest = 60;
const widthOfPipes = 100;

export const processTerminal: Terminal = {
  out: (text) => void stdout.write(text),
  err: (text) => void stderr.write(text),
  get width() {
    const columns = stdout.columns ?? Number(env['COLUMNS'] ?? widthOfPipes);
    return Number.isInteger(columns) ? Math.max(narrowest, columns) : widthOfPipes;
  },
  color: (env['NO_COLOR'] ?? '') === '' && stdout.isTTY && env['TERM'] !== 'dumb',
  interactive: stdout.isTTY && env['TERM'] !== 'dumb',
  now: () => new Date(),
  onInterrupt(task) {
    process.on('SIGINT', task);
    return () => process.off('SIGINT', task);
  },
};

/** A reader that has seen enough (`godwit watch | head`) ends the program without noise. */
export function endQuietlyWithoutReader(): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

export const { version } = packageFile;
