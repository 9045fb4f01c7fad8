// Waits until a server can be reached: ctr returns when the process runs, which is before it listens.
import { GodwitError } from '#core/errors.ts';
import type { Host } from './host.ts';

/** Resolves once `from` can connect to `address`:`port`; ERR_DEADLINE after `limitMs`. */
export async function awaitPort(from: Host, address: string, port: number, limitMs = 60_000): Promise<void> {
  const untilOpen = 'until timeout 1 bash -c "exec 3<>/dev/tcp/$0/$1" 2>/dev/null; do sleep 0.02; done';
  const { code } = await from.exec(['bash', '-c', untilOpen, address, String(port)], { timeoutMs: limitMs });
  if (code !== 0)
    throw new GodwitError(
      'ERR_DEADLINE',
      `${address} port ${port} did not open for host ${from.name} within ${limitMs} ms`,
    );
}
