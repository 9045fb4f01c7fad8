// A certificate that is not valid yet, or not any more, is mostly a clock that is wrong: then both sides hear the
// times.
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { hasErrno } from '#core/errno.ts';
import { GodwitError } from '#core/errors.ts';
import { PeerConnection } from '#agent/transfer/connection.ts';

export const clockErrors: readonly string[] = ['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'];

/** @param certificate null where the connection is gone already */
export function clockError(
  own: string,
  other: string,
  cause: unknown,
  certificate: Partial<PeerCertificate> | null,
): GodwitError {
  const { valid_from: from = 'unknown', valid_to: to = 'unknown' } = certificate ?? {};
  const expired = hasErrno(cause, ['CERT_HAS_EXPIRED']);
  const fact = expired ? 'has expired' : 'is not valid yet';
  const times = `it is valid from ${from} to ${to}, and the clock of ${own} says ${new Date().toISOString()}`;
  return new GodwitError('ERR_PEER_CERTIFICATE', `the certificate of ${other} ${fact} on ${own}: ${times}`, { cause });
}

/** Ends a connection whose certificate is not taken; nothing it says is read. */
export async function dismiss(socket: TLSSocket, own: string): Promise<void> {
  const { authorizationError } = socket;
  const code = String(authorizationError);
  if (!clockErrors.includes(code)) {
    socket.destroy();
    return;
  }
  const connection = new PeerConnection(socket);
  const error = clockError(
    own,
    'the calling node',
    Object.assign(new Error(code), { code }),
    socket.getPeerCertificate(),
  );
  await connection.send({ type: 'failed', error: error.toRecord() }).catch(() => undefined);
  connection.end();
}
