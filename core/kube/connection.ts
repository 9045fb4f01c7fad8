// How the API server is reached: by a kubeconfig, or with the files of a service account. Requests have deadlines,
// watches a silence limit.
import { readFileSync } from 'node:fs';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { KubeConfig } from '@kubernetes/client-node';
import { text } from 'node:stream/consumers';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { failure, type Answer } from '#core/kube/failure.ts';

/** `kubeconfig`: a file, or empty for kubectl's own search ($KUBECONFIG, ~/.kube/config). */
export type Access =
  | { kubeconfig: string; context?: string | undefined }
  | { server: string; caFile: string; tokenFile: string };

export interface ApiConnection {
  request(
    method: string,
    path: string,
    options?: { body?: string; contentType?: string; limitMs?: number },
  ): Promise<Answer>;
  /**
   * Lines of a watch; ends when the server ends it, rejects as a request does when it is refused, with
   * ERR_KUBE_UNAVAILABLE when it breaks or is silent for `silenceMs`.
   */
  stream(path: string, silenceMs: number, signal: AbortSignal): AsyncGenerator<string>;
  close(): void;
}

interface Login {
  server: URL;
  /** Credentials for each request, since tokens are renewed. */
  options(): Promise<RequestOptions>;
}

const requestLimitMs = 10_000;

/** @param onDate told the server's time of every answer */
export function connectApi(access: Access, onDate: (date: string | undefined) => void = () => {}): ApiConnection {
  const login = 'kubeconfig' in access ? fromKubeconfig(access) : fromServiceAccount(access);
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });

  async function open(
    method: string,
    path: string,
    headers: Record<string, string | number>,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const options = await login.options();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const prefix = login.server.pathname.replace(/\/$/, '');
    const request = httpsRequest(
      {
        agent,
        ...options,
        method,
        signal,
        host: login.server.hostname,
        port: login.server.port || 443,
        path: `${prefix}${path}`,
        headers: { accept: 'application/json', ...asRecord(options.headers), ...headers },
      },
      resolve,
    );
    request.once('error', (cause) => reject(unavailable(`${method} ${path}: ${cause.message}`, cause)));
    request.end(body);
    const response = await promise;
    onDate(response.headers.date);
    return response;
  }

  return {
    async request(method, path, { body, contentType = 'application/json', limitMs = requestLimitMs } = {}) {
      const headers =
        body === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) };
      const response = await open(method, path, headers, body, AbortSignal.timeout(limitMs));
      try {
        return { status: response.statusCode ?? 0, body: await text(response) };
      } catch (cause) {
        throw unavailable(`${method} ${path}: the answer broke off`, cause);
      }
    },
    async *stream(path, silenceMs, signal) {
      const silence = new AbortController();
      const patience = (): NodeJS.Timeout => setTimeout(() => silence.abort(), silenceMs);
      let timer = patience();
      try {
        const response = await open('GET', path, {}, undefined, AbortSignal.any([signal, silence.signal]));
        if (response.statusCode !== 200)
          throw failure(`watch ${path}`, { status: response.statusCode ?? 0, body: await text(response) });
        let rest = '';
        response.setEncoding('utf8');
        for await (const chunk of response) {
          clearTimeout(timer);
          timer = patience();
          const lines = (rest + String(chunk)).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) if (line !== '') yield line;
        }
      } catch (cause) {
        if (signal.aborted) return;
        throw cause instanceof GodwitError ? cause : unavailable(`watch ${path} broke off`, cause);
      } finally {
        clearTimeout(timer);
        silence.abort();
      }
    },
    close: () => agent.destroy(),
  };
}

/** As a login gives them: never the flat list that Node takes as well. */
function asRecord(headers: RequestOptions['headers']): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers ?? {}));
}

function unavailable(message: string, cause: unknown): GodwitError {
  return new GodwitError('ERR_KUBE_UNAVAILABLE', message, { cause });
}

function fromKubeconfig({ kubeconfig, context }: { kubeconfig: string; context?: string | undefined }): Login {
  const config = new KubeConfig();
  const file = kubeconfig === '' ? 'the kubeconfig' : `the kubeconfig ${kubeconfig}`;
  try {
    if (kubeconfig === '') config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
    if (context !== undefined) config.setCurrentContext(context);
  } catch (cause) {
    throw new GodwitError('ERR_CONFIG_INVALID', `${file} cannot be read: ${asGodwitError(cause).message}`, { cause });
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new GodwitError(
      'ERR_CONFIG_INVALID',
      `${file} has no cluster for the context ${config.getCurrentContext() || '(none is current)'}`,
    );
  if (!cluster.server.startsWith('https://'))
    throw new GodwitError(
      'ERR_CONFIG_INVALID',
      `${file} leads to ${cluster.server}: only https is spoken; without a kubeconfig, give --kubeconfig or set KUBECONFIG`,
    );
  return {
    server: new URL(cluster.server),
    async options() {
      const options: RequestOptions = {};
      try {
        await config.applyToHTTPSOptions(options);
      } catch (cause) {
        throw new GodwitError(
          'ERR_CONFIG_INVALID',
          `${file} gives no credentials for ${cluster.server}: ${asGodwitError(cause).message.trim()}`,
          { cause },
        );
      }
      if (cluster.proxyUrl === undefined) delete options.agent;
      return options;
    },
  };
}

/** Files are read anew for every request: the kubelet renews them. */
function fromServiceAccount({
  server,
  caFile,
  tokenFile,
}: {
  server: string;
  caFile: string;
  tokenFile: string;
}): Login {
  const ca = readFileSync(caFile);
  return {
    server: new URL(server),
    options: () =>
      Promise.resolve({ ca, headers: { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` } }),
  };
}
