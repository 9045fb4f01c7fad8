// The local control API: HTTP on a unix socket that only root can open; the CLI, tests and benchmarks speak it.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import {
  handoverRequestSchema,
  terminalStates,
  type ContainerSummary,
  type Diagnosis,
  type HandoverRecord,
  type HandoverRequest,
  type Plan,
} from '#core/api/handover.ts';
import { asGodwitError, GodwitError, type ErrorCode } from '#core/errors.ts';
import type { Log } from '#core/log.ts';

const maxBodyBytes = 64 * 1024;
const bodyLimitMs = 5_000;

/** What the API offers; the agent wires it to the engine. */
export interface ControlPort {
  containers(): Promise<ContainerSummary[]>;
  plan(request: HandoverRequest): Promise<Plan>;
  begin(request: HandoverRequest): HandoverRecord;
  list(): HandoverRecord[];
  get(id: string): HandoverRecord;
  cancel(id: string): HandoverRecord;
  changes(signal: AbortSignal): AsyncIterable<HandoverRecord>;
  diagnose(): Promise<Diagnosis>;
}

const statusOf: Partial<Record<ErrorCode, number>> = {
  ERR_REQUEST_INVALID: 400,
  ERR_CONTAINER_AMBIGUOUS: 400,
  ERR_PEER_UNKNOWN: 400,
  ERR_CONTAINER_UNKNOWN: 404,
  ERR_HANDOVER_UNKNOWN: 404,
  ERR_NO_SUCH_ROUTE: 404,
  ERR_BUSY: 409,
  ERR_TOO_LATE: 409,
};

/** Serves `port` on the socket until the returned server is closed. */
export async function serveControl(path: string, port: ControlPort, log: Log): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer({ requestTimeout: bodyLimitMs, headersTimeout: bodyLimitMs }, (request, response) => {
    answer(request, response, port).catch((thrown: unknown) => {
      const error = asGodwitError(thrown);
      log.debug({ code: error.code, error: error.message, path: request.url }, 'Control request failed');
      if (response.headersSent) response.destroy();
      else sendJson(response, statusOf[error.code] ?? 500, { error: error.toRecord() });
    });
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (cause) =>
    reject(new GodwitError('ERR_LISTEN', `cannot listen on ${path}: ${cause.message}`, { cause })),
  );
  server.listen(path, resolve);
  await promise;
  chmodSync(path, 0o600);
  return server;
}

async function answer(request: IncomingMessage, response: ServerResponse, port: ControlPort): Promise<void> {
  const route = `${request.method ?? ''} ${new URL(request.url ?? '/', 'http://agent').pathname}`;
  const [, id = '', action] = /^[A-Z]+ \/v1\/handovers\/([^/]+)(?:\/(events|cancel))?$/.exec(route) ?? [];
  switch (id === '' ? route : `${request.method ?? ''} ${action ?? 'one'}`) {
    case 'GET /v1/containers':
      return sendJson(response, 200, await port.containers());
    case 'POST /v1/plans':
      return sendJson(response, 200, await port.plan(await readRequest(request)));
    case 'POST /v1/handovers':
      return sendJson(response, 201, port.begin(await readRequest(request)));
    case 'GET /v1/handovers':
      return sendJson(response, 200, port.list());
    case 'GET /v1/events':
      return streamChanges(
        response,
        port,
        () => true,
        () => false,
      );
    case 'GET /v1/doctor':
      return sendJson(response, 200, await port.diagnose());
    case 'GET one':
      return sendJson(response, 200, port.get(id));
    case 'POST cancel':
      return sendJson(response, 200, port.cancel(id));
    case 'GET events':
      return streamHandover(response, port, id);
    default:
      throw new GodwitError('ERR_NO_SUCH_ROUTE', `the control API has no ${route}`);
  }
}

const isOver = ({ state }: HandoverRecord): boolean => terminalStates.some((terminal) => terminal === state);

async function streamHandover(response: ServerResponse, port: ControlPort, id: string): Promise<void> {
  const current = port.get(id);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.write(`${JSON.stringify(current)}\n`);
  if (isOver(current)) response.end();
  else await streamChanges(response, port, (record) => record.id === id, isOver);
}

async function streamChanges(
  response: ServerResponse,
  port: ControlPort,
  wanted: (record: HandoverRecord) => boolean,
  last: (record: HandoverRecord) => boolean,
): Promise<void> {
  const over = new AbortController();
  response.once('close', () => over.abort());
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  for await (const record of port.changes(over.signal)) {
    if (!wanted(record)) continue;
    response.write(`${JSON.stringify(record)}\n`);
    if (last(record)) break;
  }
  response.end();
}

async function readRequest(request: IncomingMessage): Promise<HandoverRequest> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes > maxBodyBytes)
      throw new GodwitError('ERR_REQUEST_INVALID', `the request body has more than ${maxBodyBytes} bytes`);
    chunks.push(buffer);
  }
  const parsed = z
    .string()
    .transform(parseJson)
    .pipe(handoverRequestSchema)
    .safeParse(Buffer.concat(chunks).toString('utf8'));
  if (!parsed.success)
    throw new GodwitError('ERR_REQUEST_INVALID', `the request is not valid: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function parseJson(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not JSON' });
    return z.NEVER;
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
