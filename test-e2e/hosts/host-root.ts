// Root file systems of Debian packages, built on first use: the one that all hosts share, and the one of the zoo.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { GodwitError } from '#core/errors.ts';
import { checkout } from './paths.ts';

/**
 * Its path; the first call on a machine takes about a minute and shows its progress on stderr. ERR_HOST_SETUP if it
 * cannot be built.
 */
export async function hostRoot(kind: 'host' | 'zoo' = 'host'): Promise<string> {
  const child = spawn(path.join(checkout, 'scripts/host-image.sh'), [kind], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [[code], printed] = await Promise.all([once(child, 'close'), text(child.stdout)]);
  if (code !== 0)
    throw new GodwitError(
      'ERR_HOST_SETUP',
      'the root of a test host could not be built; the reason was written to stderr',
    );
  return printed.trim();
}
