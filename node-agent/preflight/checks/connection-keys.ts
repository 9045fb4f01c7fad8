// Keys that the kernel holds for a connection cannot be read: restored without them it would speak in clear, or be
// dropped.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors, socketInode } from '#agent/preflight/inspection.ts';

export const connectionKeys: SourceCheck = {
  check: 'connection keys',
  code: 'PREFLIGHT_CONNECTION_KEYS',
  about: 'The kernel holds keys of a TCP socket: TLS of the kernel (kTLS), or MD5 signatures.',
  run: ({ inspection: { processes, securedTcp } }) => {
    const keysOf = (descriptor: { target: string }): string | undefined =>
      securedTcp.get(socketInode(descriptor) ?? -1);
    return refuseAny(
      heldDescriptors(
        processes,
        (descriptor) => keysOf(descriptor) !== undefined,
        (descriptor) => `${keysOf(descriptor) ?? ''} on ${descriptor.target}`,
      ),
      'none',
      'held',
      'Turn TLS of the kernel off (nginx: `ssl_conf_command Options -KTLS`; OpenSSL: no `SSL_OP_ENABLE_KTLS`), and connect without MD5 signatures.',
    );
  },
};
