// Which answers of the kernel's socket diagnosis tell of keys. The layout is that of <linux/inet_diag.h>.
import test from 'ava';
import { securedTcp } from './secured-tcp.ts';

function attribute(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(4 + value.length, 0);
  header.writeUInt16LE(type, 2);
  return Buffer.concat([header, value, Buffer.alloc(-value.length & 3)]);
}

function message(...attributes: Buffer[]): Buffer {
  const head = Buffer.alloc(72);
  head.writeUInt32LE(77, 68);
  return Buffer.concat([head, ...attributes]);
}

const layer = (name: string): Buffer => attribute(19 | 0x8000, attribute(1, Buffer.from(`${name}\0`)));
const shutdown = attribute(8, Buffer.of(0));

test('TLS of the kernel, other layers and MD5 signatures are seen', (t) => {
  t.deepEqual(securedTcp(message(shutdown, layer('tls'))), [[77, 'TLS of the kernel']]);
  t.deepEqual(securedTcp(message(layer('espintcp'))), [[77, 'espintcp']]);
  t.deepEqual(securedTcp(message(shutdown, attribute(18, Buffer.alloc(100)), layer('tls'))), [
    [77, 'MD5 signatures and TLS of the kernel'],
  ]);
});

test('plain TCP, the TCP part of MPTCP, and half an answer have none', (t) => {
  for (const plain of [
    message(),
    message(shutdown),
    message(layer('mptcp')),
    message(Buffer.alloc(3)),
    message(Buffer.alloc(8)),
  ]) {
    t.deepEqual(securedTcp(plain), []);
  }
});
