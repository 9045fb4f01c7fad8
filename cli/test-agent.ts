// A control API for tests: answers as told, on a unix socket of its own.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import { createProgram } from './program.ts';
import { run } from './run.ts';
import type { Terminal } from './terminal.ts';

/** Answers one request; `body` is the text that came with it. */
export type Route = (response: ServerResponse, body: string) => void | Promise<void>;

/** Starts a server that knows `routes` (`GET /v1/containers`); it ends with the test. Resolves with its socket. */
export async function testAgent(t: ExecutionContext, routes: Record<string, Route>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'godwit-cli-'));
  const socketPath = join(folder, 'control.sock');
  const server = createServer((request, response) => void serve(request, response));
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const route = routes[`${request.method} ${request.url}`];
    const body = await text(request);
    if (route === undefined) response.writeHead(500).end(`no route ${request.method} ${request.url}`);
    else await route(response, body);
  };
  server.listen(socketPath);
  await once(server, 'listening');
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });
  return socketPath;
}

/** A route that answers `body` as JSON. */
export function json(body: unknown, status = 200): Route {
  return (response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** A route that answers one line a record and then ends. */
export function ndjson(records: readonly unknown[]): Route {
  return (response) =>
    void response.writeHead(200).end(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
}

export interface TestTerminal extends Terminal {
  stdout(): string;
  stderr(): string;
  /** What Ctrl-C does. */
  interrupt(): void;
}

export function testTerminal(options: Partial<Pick<Terminal, 'width' | 'color' | 'interactive'>> = {}): TestTerminal {
  let stdout = '';
  let stderr = '';
  const interrupts = new Set<() => void>();
  return {
    width: 80,
    color: false,
    interactive: false,
    ...options,
    out: (written) => void (stdout += written),
    err: (written) => void (stderr += written),
    now: () => new Date('2026-11-23T19:00:00.000Z'),
    onInterrupt(task) {
      interrupts.add(task);
      return () => interrupts.delete(task);
    },
    stdout: () => stdout,
    stderr: () => stderr,
    interrupt: () => interrupts.forEach((task) => task()),
  };
}

/** Runs one command line against the agent at `socketPath`. */
export async function godwit(socketPath: string, args: readonly string[], terminal = testTerminal()) {
  const code = await run([...args, '--socket', socketPath], terminal, (exit) => createProgram(terminal, exit, '0.0.0'));
  return { code, stdout: terminal.stdout(), stderr: terminal.stderr() };
}
