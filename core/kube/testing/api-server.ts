// A Kubernetes API server for tests, in this process: it keeps objects, serves watches, and fails as it is told.
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createAuthority, issueServerCertificate, validFor } from '#core/certificates.ts';
import { ObjectStore } from './object-store.ts';
import { placeOf } from './place.ts';
import { isSelected } from './selection.ts';
import { Refused } from './status-body.ts';
import * as verbs from './verbs.ts';
import { Watches } from './watches.ts';

/**
 * An answer instead of the work; a connection that breaks; or the work is done, and its answer waits for `heldUntil`.
 */
export type Fault =
  | { status: number; body?: object | string; headers?: Record<string, string> }
  | 'cut'
  | { heldUntil: Promise<unknown> };

export interface Received {
  method: string;
  /** With the query. */
  path: string;
  contentType: string | undefined;
  authorization: string | undefined;
  body: unknown;
}

type Asked = Pick<Received, 'method' | 'path'>;

const authority = createAuthority(validFor(1, new Date()));
const certificate = authority.then((made) => issueServerCertificate(made, ['localhost'], validFor(1, new Date())));

export class ApiServer {
  readonly store = new ObjectStore();
  readonly watches = new Watches(this.store);
  /** Every request, in order. */
  readonly received: Received[] = [];
  /** As a mutating webhook: what becomes of an object before it is made, and of one that a dry run asks for. */
  admit: (kinds: string, object: unknown) => unknown = (_kinds, object) => object;
  readonly ca: string;
  readonly #server: Server;
  readonly #faults: { when: (asked: Asked) => boolean; fault: Fault; left: number }[] = [];

  private constructor(server: Server, ca: string) {
    this.#server = server;
    this.ca = ca;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response));
  }

  static async start(): Promise<ApiServer> {
    const { certificate: cert, key } = await certificate;
    const server = createServer({ cert, key });
    server.listen(0, 'localhost');
    await once(server, 'listening');
    return new ApiServer(server, (await authority).certificate);
  }

  get url(): string {
    return `https://localhost:${addressOf(this.#server).port}`;
  }

  /** Requests that match fail so, at most `times`; returns what ends it. */
  fail(method: string, path: RegExp, fault: Fault, times = Infinity): () => void {
    const entry = { when: (asked: Asked) => asked.method === method && path.test(asked.path), fault, left: times };
    this.#faults.push(entry);
    return () => void (entry.left = 0);
  }

  asked(method: string, path: RegExp): Received[] {
    return this.received.filter((one) => one.method === method && path.test(one.path));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers } = request;
    const body = await text(request);
    const received = {
      method,
      path,
      contentType: headers['content-type'],
      authorization: headers.authorization,
      body: body === '' ? undefined : JSON.parse(body),
    };
    this.received.push(received);
    const entry = this.#faults.find(({ left, when }) => left > 0 && when(received));
    if (entry === undefined) return this.#answer(received, response);
    entry.left -= 1;
    const { fault } = entry;
    if (fault === 'cut') return void response.destroy();
    if ('status' in fault)
      return void response
        .writeHead(fault.status, fault.headers)
        .end(typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body ?? {}));
    return this.#answer(received, response, fault.heldUntil);
  }

  async #answer(received: Received, response: ServerResponse, heldUntil?: Promise<unknown>): Promise<void> {
    const [path = '', query = ''] = received.path.split('?');
    const selection = new URLSearchParams(query);
    const place = placeOf(path);
    if (place !== undefined && selection.has('watch')) return this.watches.serve(place, selection, response);
    const { status, body } = this.#work(received, path, selection);
    await heldUntil;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #work({ method, body }: Received, path: string, query: URLSearchParams): { status: number; body: object } {
    const place = placeOf(path);
    try {
      if (place === undefined) throw new Refused(404, 'NotFound', 'the server could not find the requested resource');
      const { name } = place;
      if (method === 'GET' && name === undefined) return { status: 200, body: this.#list(path, query) };
      if (method === 'POST' && name === undefined)
        return {
          status: 201,
          body: verbs.create(this.store, place, this.admit(place.kinds, body), query.has('dryRun')),
        };
      if (name === undefined) throw new Refused(405, 'MethodNotAllowed', `${method} ${path}`);
      const named = { ...place, name };
      if (method === 'POST' && place.subresource === 'eviction')
        return { status: 201, body: verbs.evict(this.store, named, body) };
      if (method === 'PUT') return { status: 200, body: verbs.replace(this.store, named, body) };
      if (method === 'PATCH') return { status: 200, body: verbs.patch(this.store, named, body) };
      if (method === 'DELETE') return { status: 200, body: verbs.remove(this.store, named, body) };
      return { status: 200, body: verbs.get(this.store, named) };
    } catch (error) {
      if (error instanceof Refused) return { status: error.body.code, body: error.body };
      throw error;
    }
  }

  #list(path: string, query: URLSearchParams): object {
    const place = placeOf(path);
    const all = place === undefined ? [] : this.store.list(place).filter((object) => isSelected(query, object));
    const from = Number(query.get('continue') ?? 0);
    const to = from + Number(query.get('limit') ?? all.length);
    return {
      kind: 'List',
      apiVersion: 'v1',
      metadata: { resourceVersion: String(this.store.version), ...(to < all.length ? { continue: String(to) } : {}) },
      items: all.slice(from, to),
    };
  }
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return address;
}
