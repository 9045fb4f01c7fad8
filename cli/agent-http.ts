// HTTP/1.1 over the agent's unix socket: requests, errors, and answers that are checked before use.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { errorRecordSchema, refusalSchema, type Refusal } from '#core/api/handover.ts';
import { GodwitError, errorFromRecord } from '#core/errors.ts';

/** An answer with an error status: the agent's error, with the refusals that came with it. */
export class RequestFailed extends Error {
  override readonly name = 'RequestFailed';
  readonly error: GodwitError;
  readonly refusals: readonly Refusal[];

  constructor(error: GodwitError, refusals: readonly Refusal[]) {
    super(error.message, { cause: error });
    this.error = error;
    this.refusals = refusals;
  }
}

const largestAnswerBytes = 64 * 2 ** 20;
const failureSchema = z.object({ error: errorRecordSchema, refusals: z.array(refusalSchema).default([]) });

interface Request {
  socketPath: string;
  method: string;
  path: string;
  body: unknown;
  signal: AbortSignal;
}

/**
 * The response of a request that was accepted; its body is not read yet. Rejects with RequestFailed or
 * ERR_AGENT_UNREACHABLE.
 */
export async function send({ socketPath, method, path, body, signal }: Request): Promise<IncomingMessage> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers =
      payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    const outgoing = httpRequest({ socketPath, method, path, headers, signal, agent: false }, resolve);
    outgoing.once('error', (cause) => reject(unreachable(socketPath, cause.message, cause)));
    outgoing.end(payload);
  });
  if ((response.statusCode ?? 0) < 400) return response;
  const { error, refusals } = parse(failureSchema, await textOf(response, socketPath), path);
  throw new RequestFailed(errorFromRecord(error), refusals);
}

/** The whole body of a response. */
export async function textOf(response: IncomingMessage, socketPath: string): Promise<string> {
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

/** `text` as what `schema` says; throws ERR_AGENT_REPLY, which names `path`, for anything else. */
export function parse<T>(schema: z.ZodType<T>, text: string, path: string): T {
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

/** Lines of a response as they come. */
export async function* linesOf(response: IncomingMessage, socketPath: string): AsyncGenerator<string> {
  let rest = '';
  for await (const text of chunksOf(response, socketPath)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > largestAnswerBytes) throw tooLong();
    yield* lines;
  }
  yield rest;
}
