// What the API server's refusals mean: each status is one of our errors.
import { z } from 'zod';
import { GodwitError, type ErrorCode } from '#core/errors.ts';

export interface Answer {
  status: number;
  body: string;
}

const statusSchema = z.looseObject({ reason: z.string().optional(), message: z.string().optional() });

const codes: Readonly<Record<number, ErrorCode>> = {
  400: 'ERR_KUBE_INVALID',
  401: 'ERR_KUBE_FORBIDDEN',
  403: 'ERR_KUBE_FORBIDDEN',
  404: 'ERR_KUBE_NOT_FOUND',
  409: 'ERR_KUBE_CONFLICT',
  410: 'ERR_KUBE_CONFLICT',
  422: 'ERR_KUBE_INVALID',
  429: 'ERR_KUBE_TOO_MANY',
};

/** @param what method and path; the server's own words are `details.said` too */
export function failure(what: string, { status, body }: Answer): GodwitError {
  const { reason, message } = statusOf(body);
  const code = reason === 'AlreadyExists' ? 'ERR_KUBE_EXISTS' : (codes[status] ?? 'ERR_KUBE_UNAVAILABLE');
  const said = message === undefined || message === '' ? `HTTP ${status}` : message;
  return new GodwitError(code, `${said} (${what})`, { details: { status, said } });
}

function statusOf(body: string): z.infer<typeof statusSchema> {
  try {
    return statusSchema.parse(JSON.parse(body));
  } catch {
    return { message: body.slice(0, 500).trim() }; // a proxy's page
  }
}
