// How the API server says no.

export function statusBody(code: number, reason: string, message: string) {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}

/** Thrown by a verb, answered as its status. */
export class Refused extends Error {
  readonly body: ReturnType<typeof statusBody>;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.body = statusBody(code, reason, message);
  }
}
