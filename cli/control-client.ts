// Client of the agent's control API: HTTP/1.1 over its unix socket, every answer checked before use.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import {
  containerSummarySchema,
  diagnosisSchema,
  errorRecordSchema,
  handoverRecordSchema,
  planSchema,
  refusalSchema,
  type ContainerSummary,
  type Diagnosis,
  type HandoverRecord,
  type HandoverRequest,
  type Plan,
  type Refusal,
} from '#core/api/handover.ts';
import { GodwitError, errorFromRecord } from '#core/errors.ts';
import { withDeadline } from '#core/deadline.ts';

/** An answer with an error status: the agent's error, with the status and the refusals that came with it. */
export class RequestFailed extends Error {
  override readonly name = 'RequestFailed';
  readonly error: GodwitError;
  readonly status: number;
  readonly refusals: readonly Refusal[];

  constructor(error: GodwitError, status: number, refusals: readonly Refusal[]) {
    super(error.message, { cause: error });
    this.error = error;
    this.status = status;
    this.refusals = refusals;
  }
}

export interface ControlClient {
  containers(): Promise<ContainerSummary[]>;
  plan(body: HandoverRequest): Promise<Plan>;
  start(body: HandoverRequest): Promise<HandoverRecord>;
  handovers(): Promise<HandoverRecord[]>;
  handover(id: string): Promise<HandoverRecord>;
  cancel(id: string): Promise<HandoverRecord>;
  diagnose(): Promise<Diagnosis>;
  /** Every change of one handover until it is over, or of all handovers; ends when the agent or `signal` ends it. */
  events(id: string | undefined, signal: AbortSignal): AsyncGenerator<HandoverRecord>;
}

const pathOf = (id: string) => `/v1/handovers/${encodeURIComponent(id)}`;
/** Preflight measures a container's files, so an answer may take a while. */
const answerMs = 60_000;
const largestAnswerBytes = 64 * 2 ** 20;

const failureSchema = z.object({ error: errorRecordSchema, refusals: z.array(refusalSchema).default([]) });

/**
 * A client of the agent that listens on `socketPath`. Every method rejects with ERR_AGENT_UNREACHABLE when there is none,
 * ERR_AGENT_REPLY for an answer that is not of this API, RequestFailed for an error of the agent, ERR_DEADLINE after a minute.
 */
export function controlClient(socketPath: string): ControlClient {
  const ask = async <T>(schema: z.ZodType<T>, method: string, path: string, body?: unknown) => answer(schema, socketPath, method, path, body);
  const list = z.array(handoverRecordSchema);
  return {
    containers: async () => ask(z.array(containerSummarySchema), 'GET', '/v1/containers'),
    plan: async (body) => ask(planSchema, 'POST', '/v1/plans', body),
    start: async (body) => ask(handoverRecordSchema, 'POST', '/v1/handovers', body),
    handovers: async () => ask(list, 'GET', '/v1/handovers'),
    handover: async (id) => ask(handoverRecordSchema, 'GET', pathOf(id)),
    cancel: async (id) => ask(handoverRecordSchema, 'POST', `${pathOf(id)}/cancel`),
    diagnose: async () => ask(diagnosisSchema, 'GET', '/v1/doctor'),
    events: (id, signal) => events(socketPath, id === undefined ? '/v1/events' : `${pathOf(id)}/events`, signal),
  };
}

async function answer<T>(schema: z.ZodType<T>, socketPath: string, method: string, path: string, body: unknown): Promise<T> {
  const controller = new AbortController();
  try {
    return await withDeadline(exchange(), answerMs, `${method} ${path}`);
  } finally {
    controller.abort();
  }
  async function exchange(): Promise<T> {
    const response = await send({ socketPath, method, path, body, signal: controller.signal });
    return parse(schema, await textOf(response, socketPath), path);
  }
}

async function* events(socketPath: string, path: string, signal: AbortSignal): AsyncGenerator<HandoverRecord> {
  const response = await withDeadline(send({ socketPath, method: 'GET', path, body: undefined, signal }), answerMs, `GET ${path}`);
  try {
    for await (const line of linesOf(response, socketPath)) {
      if (line !== '') yield parse(handoverRecordSchema, line, path);
    }
  } finally {
    response.destroy();
  }
}

/** Lines of a response as they come. */
async function* linesOf(response: IncomingMessage, socketPath: string): AsyncGenerator<string> {
  let rest = '';
  for await (const text of chunksOf(response, socketPath)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > largestAnswerBytes) throw tooLong();
    yield* lines;
  }
  yield rest;
}

interface Request {
  socketPath: string;
  method: string;
  path: string;
  body: unknown;
  signal: AbortSignal;
}

/** The response of a request that was accepted; its body is not read yet. */
async function send({ socketPath, method, path, body, signal }: Request): Promise<IncomingMessage> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    const outgoing = httpRequest({ socketPath, method, path, headers, signal, agent: false }, resolve);
    outgoing.once('error', (cause) => reject(unreachable(socketPath, cause.message, cause)));
    outgoing.end(payload);
  });
  const status = response.statusCode ?? 0;
  if (status < 400) return response;
  const { error, refusals } = parse(failureSchema, await textOf(response, socketPath), path);
  throw new RequestFailed(errorFromRecord(error), status, refusals);
}

async function textOf(response: IncomingMessage, socketPath: string): Promise<string> {
  let text = '';
  for await (const part of chunksOf(response, socketPath)) {
    text += part;
    if (text.length > largestAnswerBytes) throw tooLong();
  }
  return text;
}

/** UTF-8 text of a response; rejects with ERR_AGENT_UNREACHABLE when it breaks off. */
async function* chunksOf(response: IncomingMessage, socketPath: string): AsyncGenerator<string> {
  response.setEncoding('utf8');
  try {
    for await (const chunk of response) yield String(chunk);
  } catch (cause) {
    throw unreachable(socketPath, 'the agent ended in the middle of its answer', cause);
  }
}

function tooLong(): GodwitError {
  return new GodwitError('ERR_AGENT_REPLY', `the agent answered more than ${largestAnswerBytes} bytes`);
}

function parse<T>(schema: z.ZodType<T>, text: string, path: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text, (_, value: unknown) => (typeof value === 'string' ? printable(value) : value));
  } catch (cause) {
    throw new GodwitError('ERR_AGENT_REPLY', `the answer to ${path} is not JSON`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new GodwitError('ERR_AGENT_REPLY', `the answer to ${path} is not understood: ${z.prettifyError(parsed.error)}`);
}

/** Text without control characters but the line feed: names and messages must not steer the reader's terminal. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/g, '\uFFFD');
}

function unreachable(socketPath: string, message: string, cause?: unknown): GodwitError {
  return new GodwitError('ERR_AGENT_UNREACHABLE', `${socketPath}: ${message}`, { cause, details: { socketPath } });
}
