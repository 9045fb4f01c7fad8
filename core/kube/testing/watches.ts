// The open watches of the API server of the tests: they are told of changes, and can be ended, cut or talked to.
import type { ServerResponse } from 'node:http';
import type { Change, ObjectStore, Stored } from './object-store.ts';
import type { Place } from './place.ts';
import { isSelected } from './selection.ts';
import { statusBody } from './status-body.ts';

export class Watches {
  readonly #store: ObjectStore;
  readonly #open = new Map<ServerResponse, { kinds: string; stop: () => void }>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** How many watch that collection (`/api/v1/pods`), or anything. */
  count(kinds?: string): number {
    return [...this.#open.values()].filter((one) => kinds === undefined || one.kinds === kinds).length;
  }

  /** Serves one: what happened since the version asked for, else what is there, then every change. */
  serve({ kinds, namespace }: Place, query: URLSearchParams, response: ServerResponse): void {
    const send = (type: string, object: unknown): void => void response.write(`${JSON.stringify({ type, object })}\n`);
    const take = (change: Change): void => {
      if (
        change.kinds === kinds &&
        (namespace === undefined || change.object.metadata.namespace === namespace) &&
        isSelected(query, change.object)
      )
        send(change.type, change.object);
    };
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    const from = query.get('resourceVersion');
    const missed =
      from === null
        ? this.#store
            .list({ kinds, namespace })
            .map((object: Stored): Change => ({ version: 0, type: 'ADDED', kinds, object }))
        : this.#store.since(Number(from));
    if (missed === undefined) {
      send('ERROR', statusBody(410, 'Expired', `too old resource version: ${from}`));
      response.end();
      return;
    }
    for (const change of missed) take(change);
    this.#open.set(response, { kinds, stop: this.#store.onChange(take) });
    response.once('close', () => this.#leave(response));
  }

  /** Says it to all that watch, whatever happened. */
  say(type: string, object: unknown): void {
    for (const response of this.#open.keys()) response.write(`${JSON.stringify({ type, object })}\n`);
  }

  /** How far the server is. */
  bookmark(): void {
    this.say('BOOKMARK', { metadata: { resourceVersion: String(this.#store.version) } });
  }

  /** As at `timeoutSeconds`. */
  end(): void {
    for (const response of this.#open.keys()) {
      this.#leave(response);
      response.end();
    }
  }

  /** As when the network fails. */
  cut(): void {
    for (const response of this.#open.keys()) {
      this.#leave(response);
      response.destroy();
    }
  }

  #leave(response: ServerResponse): void {
    this.#open.get(response)?.stop();
    this.#open.delete(response);
  }
}
