// Reads a long slow download whose every byte follows from its position; starts the next one when it is complete.
import { get, type ClientRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { Oracle } from './oracle.ts';
import { runClient, type Target } from './program.ts';

/** Length of one numbered line of the stream. */
const lineBytes = 64;

/** Checks that the numbered lines come in order; `connection` names the download in faults. */
class LineCheck {
  #rest = '';
  #next = 0;
  readonly #connection: string;
  readonly #oracle: Oracle;

  constructor(connection: string, oracle: Oracle) {
    this.#connection = connection;
    this.#oracle = oracle;
  }

  add(text: string): void {
    this.#rest += text;
    let offset = 0;
    for (; offset + lineBytes <= this.#rest.length; offset += lineBytes)
      this.#line(this.#rest.slice(offset, offset + lineBytes));
    this.#rest = this.#rest.slice(offset);
  }

  /** Numbers that are skipped are lost, numbers that come again are duplicated. */
  #line(line: string): void {
    const number = /^\d{63}\n$/.test(line) ? Number(line) : Number.NaN;
    if (number === this.#next) this.#oracle.answered(this.#connection);
    else if (Number.isNaN(number))
      this.#oracle.lost(1, `${this.#connection}: line ${this.#next} is ${JSON.stringify(line)}`);
    else this.#oracle.counted(this.#connection, number, this.#next);
    this.#next = Number.isNaN(number) ? this.#next + 1 : number + 1;
  }
}

/** Downloads until `stopped` says so or the connection breaks. */
async function downloadAgain(
  oracle: Oracle,
  { address, port }: Target,
  onRequest: (request: ClientRequest) => void,
  stopped: () => boolean,
): Promise<void> {
  for (let round = 0; !stopped(); round += 1) {
    const name = `download-${round}`;
    try {
      const request = get({ host: address, port, path: '/', agent: false });
      onRequest(request);
      const [response]: IncomingMessage[] = await once(request, 'response');
      if (!response) return;
      oracle.expect(name);
      const check = new LineCheck(name, oracle);
      response.setEncoding('latin1');
      for await (const text of response) check.add(String(text));
    } catch (error) {
      if (!stopped()) oracle.broken(name, error instanceof Error ? error.message : String(error));
      return;
    }
  }
}

await runClient(async (oracle, target) => {
  let stopped = false;
  let request: ClientRequest | undefined;
  const first = Promise.withResolvers<void>();
  const done = downloadAgain(
    oracle,
    target,
    (started) => {
      request = started;
      started.once('response', () => first.resolve());
      started.once('error', (error) => first.reject(error));
    },
    () => stopped,
  );
  await first.promise;
  return {
    async stop() {
      stopped = true;
      request?.destroy();
      await done;
    },
  };
});
