// What a part says about itself over HTTP: /livez, /readyz, /metrics.
import { createServer } from 'node:http';
import express from 'express';
import type { Registry } from 'prom-client';

export interface StatusPages {
  /** What keeps the part from doing its work, where only a restart helps; empty: nothing. */
  ailments(): string[];
  metrics: Registry;
}

export async function serveStatus(
  port: number,
  { ailments, metrics }: StatusPages,
): Promise<{ close(): Promise<void> }> {
  const app = express();
  app.get('/livez', (_request, response) => {
    const found = ailments();
    response.status(found.length === 0 ? 200 : 503).send(found.length === 0 ? 'ok\n' : `${found.join('\n')}\n`);
  });
  app.get('/readyz', (_request, response) => void response.send('ok\n'));
  app.get('/metrics', (_request, response, next) => {
    metrics.metrics().then((text) => void response.type(metrics.contentType).send(text), next);
  });
  const server = createServer(app);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, resolve);
  await promise;
  return { close: () => new Promise((done) => void server.close(() => done())) };
}
