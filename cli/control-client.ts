// Client of the agent's control API.
import { z } from 'zod';
import {
  containerSummarySchema,
  diagnosisSchema,
  handoverRecordSchema,
  planSchema,
  type ContainerSummary,
  type Diagnosis,
  type HandoverRecord,
  type HandoverRequest,
  type Plan,
} from '#core/api/handover.ts';
import { withDeadline } from '#core/deadline.ts';
import { linesOf, parse, send, textOf } from './agent-http.ts';

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
/**
 * A client of the agent that listens on `socketPath`. Every method rejects with ERR_AGENT_UNREACHABLE when there is
 * none, ERR_AGENT_REPLY for an answer that is not of this API, RequestFailed for an error of the agent, ERR_DEADLINE
 * after a minute.
 */
export function controlClient(socketPath: string): ControlClient {
  const ask = async <T>(schema: z.ZodType<T>, method: string, path: string, body?: unknown) =>
    answer(schema, socketPath, method, path, body);
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

async function answer<T>(
  schema: z.ZodType<T>,
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
): Promise<T> {
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
  const response = await withDeadline(
    send({ socketPath, method: 'GET', path, body: undefined, signal }),
    answerMs,
    `GET ${path}`,
  );
  try {
    for await (const line of linesOf(response, socketPath)) {
      if (line !== '') yield parse(handoverRecordSchema, line, path);
    }
  } finally {
    response.destroy();
  }
}
