// Agents know each other by certificates: TLS 1.3 both ways, and a peer is the node that its certificate names.
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, createServer, type PeerCertificate, type Server, type TLSSocket } from 'node:tls';
import { systemClock } from '#core/clock.ts';
import { withDeadline } from '#core/deadline.ts';
import { hasErrno } from '#core/errno.ts';
import { GodwitError } from '#core/errors.ts';
import { clockError, clockErrors, dismiss } from '#agent/transfer/peer-clock.ts';
import type { AgentConfig } from '#agent/config.ts';
import { PeerConnection } from '#agent/transfer/connection.ts';

const nodeUriPrefix = 'URI:spiffe://godwit.dev/node/';
/** A peer that does not finish its TLS handshake in this time is dropped. */
const handshakeLimitMs = 5_000;
/**
 * From one address at a time, those that are not known yet included: more than an agent's handovers and questions need.
 */
const maxConnections = 64;
const connectLimitMs = 5_000;
/** A node that vanished without a word is noticed. */
const keepAliveMs = 5_000;
/** Hardware AES is there on every machine that runs containers. */
const ciphers = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

/** Node name that a certificate is bound to, or undefined when it is not a node's. */
export function nodeOfCertificate(subjectAltName: string | undefined): string | undefined {
  const names = (subjectAltName ?? '').split(', ').filter((entry) => entry.startsWith(nodeUriPrefix));
  return names.length === 1 ? names[0]?.slice(nodeUriPrefix.length) : undefined;
}

export interface Endpoint {
  host: string;
  port: number;
}

/** Who this agent is, where it listens, and which other agents it knows. */
export interface PeerSettings {
  node: string;
  listen: Endpoint;
  pki: AgentConfig['pki'];
  names(): string[];
  endpointOf(node: string): Endpoint | undefined;
}

/** The peers that the configuration lists. */
export function configuredPeers({ peers, ...own }: AgentConfig): PeerSettings {
  return {
    node: own.node,
    listen: own.listen,
    pki: own.pki,
    names: () => Object.keys(peers),
    endpointOf: (name) => (Object.hasOwn(peers, name) ? peers[name] : undefined),
  };
}

function tlsOptions(pki: AgentConfig['pki']) {
  return {
    ca: readFileSync(pki.ca),
    cert: readFileSync(pki.certificate),
    key: readFileSync(pki.key),
    minVersion: 'TLSv1.3',
    ciphers,
  } as const;
}

export interface PeerServer {
  /** Takes up certificates that were renewed. */
  reload(): void;
  close(): Promise<void>;
}

/**
 * Accepts connections of configured peers only. `onPeer` gets the authenticated node name.
 * Rejected connections are told nothing but that the clocks differ; `onRejected` gets the reason for the log.
 */
export function servePeers(
  settings: PeerSettings,
  onPeer: (node: string, connection: PeerConnection) => void,
  onRejected: (reason: string) => void,
): Promise<PeerServer> {
  const server = createServer({
    ...tlsOptions(settings.pki),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeLimitMs,
  });
  boundByAddress(server, onRejected);
  server.on('tlsClientError', (error) => onRejected(error.message));
  server.on('secureConnection', (socket) => {
    if (!socket.authorized) {
      onRejected(`certificate of ${socket.remoteAddress ?? 'nobody'}: ${String(socket.authorizationError)}`);
      void dismiss(socket, settings.node);
      return;
    }
    const node = nodeOfCertificate(socket.getPeerCertificate().subjectaltname);
    if (node === undefined || settings.endpointOf(node) === undefined) {
      onRejected(`certificate of ${node ?? 'no node'} is not one of a configured peer`);
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    onPeer(node, new PeerConnection(socket, systemClock, node));
  });
  return open(server, settings);
}

/** Handshakes cost time and memory before anybody is known. */
function boundByAddress(server: Server, onRejected: (reason: string) => void): void {
  const counts = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket;
    const count = counts.get(remoteAddress) ?? 0;
    if (count >= maxConnections) {
      onRejected(`more than ${maxConnections} connections from ${remoteAddress}`);
      socket.destroy();
      return;
    }
    counts.set(remoteAddress, count + 1);
    socket.once('close', () => {
      const left = (counts.get(remoteAddress) ?? 1) - 1;
      if (left === 0) counts.delete(remoteAddress);
      else counts.set(remoteAddress, left);
    });
  });
}

async function open(server: Server, { listen: { host, port }, pki }: PeerSettings): Promise<PeerServer> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (cause) =>
    reject(new GodwitError('ERR_LISTEN', `cannot listen on ${host}:${port}: ${cause.message}`, { cause })),
  );
  server.listen(port, host, resolve);
  await promise;
  return {
    reload: () => server.setSecureContext(tlsOptions(pki)),
    close: () =>
      new Promise((done) => {
        server.close(() => done());
      }),
  };
}

/** Connects to the agent of `node`; rejects with ERR_PEER_UNKNOWN, ERR_PEER_UNREACHABLE or ERR_PEER_IDENTITY. */
export async function connectPeer(settings: PeerSettings, node: string): Promise<PeerConnection> {
  const endpoint = settings.endpointOf(node);
  if (endpoint === undefined) {
    const known = settings.names().join(', ') || 'none';
    throw new GodwitError('ERR_PEER_UNKNOWN', `node ${node} is not a peer of ${settings.node}; peers: ${known}`, {
      details: { node },
    });
  }
  const socket = connect({
    ...tlsOptions(settings.pki),
    host: endpoint.host,
    port: endpoint.port,
    checkServerIdentity: (_host, certificate) => checkIdentity(node, certificate),
  });
  try {
    await withDeadline(secured(socket), connectLimitMs, `connecting to ${node}`);
  } catch (cause) {
    socket.destroy();
    if (cause instanceof GodwitError && cause.code === 'ERR_PEER_IDENTITY') throw cause;
    if (hasErrno(cause, clockErrors)) throw clockError(settings.node, node, cause, socket.getPeerCertificate());
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GodwitError('ERR_PEER_UNREACHABLE', `agent of ${node} at ${endpoint.host}:${endpoint.port}: ${reason}`, {
      cause,
      details: { node },
    });
  }
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveMs);
  return new PeerConnection(socket, systemClock, node);
}

function secured(socket: TLSSocket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('secureConnect', resolve);
  socket.once('error', reject);
  return promise;
}

function checkIdentity(node: string, certificate: PeerCertificate): Error | undefined {
  const found = nodeOfCertificate(certificate.subjectaltname);
  if (found === node) return undefined;
  return new GodwitError(
    'ERR_PEER_IDENTITY',
    `the agent that answers for ${node} has the certificate of ${found ?? 'no node'}`,
    { details: { node } },
  );
}
