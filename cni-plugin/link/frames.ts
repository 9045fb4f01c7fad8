// Frames that tell a network where a MAC address lives, and answers to those who ask while a link is parked.
import { addressBytes, familyOf } from '#core/addresses/text.ts';
import { parseMac } from './mac.ts';

/**
 * A virtio-net header that says "plain frame, checksum complete"; packet sockets here expect one before every frame.
 */
const plainHeader = Buffer.alloc(10);
export const vnetHeaderBytes = plainHeader.length;

const broadcast = Buffer.from('ffffffffffff', 'hex');
const ARP = 0x0806;
const IPV6 = 0x86dd;
const ICMPV6 = 58;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const OVERRIDE = 0x20;
const SOLICITED = 0x40;

/**
 * One frame for each address (without prefix): gratuitous ARP or unsolicited neighbour advertisement, with virtio-net
 * header.
 */
export function announcements(mac: string, addresses: readonly string[]): Buffer[] {
  const own = parseMac(mac);
  return addresses.map((text) => {
    const address = addressBytes(text);
    return familyOf(text) === 4
      ? arp(1, { mac: own, address }, { mac: broadcast, address })
      : advertisement(own, address, broadcastFor6);
  });
}

interface End {
  mac: Buffer;
  address: Buffer;
}

function arp(operation: 1 | 2, from: End, to: End): Buffer {
  const body = Buffer.concat([
    Buffer.from('00010800060400', 'hex'),
    Buffer.of(operation),
    from.mac,
    from.address,
    operation === 1 ? Buffer.alloc(6) : to.mac,
    to.address,
  ]);
  return Buffer.concat([plainHeader, ethernet(to.mac, from.mac, ARP), body]);
}

const broadcastFor6 = { mac: Buffer.from('333300000001', 'hex'), address: addressBytes('ff02::1'), flags: OVERRIDE };

function advertisement(mac: Buffer, address: Buffer, to: End & { flags: number }): Buffer {
  const message = Buffer.concat([
    Buffer.of(NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, to.flags, 0, 0, 0),
    address,
    Buffer.of(2, 1),
    mac,
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  message.writeUInt16BE(checksum(Buffer.concat([address, to.address, length, Buffer.of(0, 0, 0, ICMPV6), message])), 2);
  const header = Buffer.from([0x60, 0, 0, 0, 0, message.length, ICMPV6, 255]);
  return Buffer.concat([plainHeader, ethernet(to.mac, mac, IPV6), header, address, to.address, message]);
}

function ethernet(to: Buffer, from: Buffer, type: number): Buffer {
  return Buffer.concat([to, from, Buffer.of(type >> 8, type & 0xff)]);
}

/** Internet checksum of an even number of bytes. */
export function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let offset = 0; offset < bytes.length; offset += 2) sum += bytes.readUInt16BE(offset);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export type Resolution = { kind: 'other' } | { kind: 'resolution'; requester: string; answer: Buffer | undefined };

/**
 * Tells requests for address resolution from other frames. A kept request is not injected into the link: by then it
 * would teach the workload a mapping that may be old. `answer` is the reply to send instead; undefined if it does not
 * ask for `addresses`.
 */
export function readResolution(frame: Buffer, mac: string, addresses: readonly string[]): Resolution {
  const type = frame.length >= 24 ? frame.readUInt16BE(22) : 0;
  if (type === ARP) return arpResolution(frame.subarray(24), mac, addresses);
  const isSolicitation =
    type === IPV6 &&
    frame.length >= 24 + 40 + 24 &&
    frame[24 + 6] === ICMPV6 &&
    frame[24 + 40] === NEIGHBOUR_SOLICITATION;
  return isSolicitation ? solicitationResolution(frame, mac, addresses) : { kind: 'other' };
}

function arpResolution(body: Buffer, mac: string, addresses: readonly string[]): Resolution {
  if (body.length < 28 || body.readUInt16BE(6) !== 1) return { kind: 'other' };
  const requester = { mac: body.subarray(8, 14), address: body.subarray(14, 18) };
  const asked = body.subarray(24, 28);
  const ours = addresses.some((text) => addressBytes(text).equals(asked));
  return {
    kind: 'resolution',
    requester: requester.address.toString('hex'),
    answer: ours ? arp(2, { mac: parseMac(mac), address: asked }, requester) : undefined,
  };
}

function solicitationResolution(frame: Buffer, mac: string, addresses: readonly string[]): Resolution {
  const requester = {
    mac: frame.subarray(16, 22),
    address: frame.subarray(24 + 8, 24 + 24),
    flags: OVERRIDE | SOLICITED,
  };
  const asked = frame.subarray(24 + 48, 24 + 64);
  const ours =
    addresses.some((text) => addressBytes(text).equals(asked)) && !requester.address.equals(Buffer.alloc(16));
  return {
    kind: 'resolution',
    requester: requester.address.toString('hex'),
    answer: ours ? advertisement(parseMac(mac), asked, requester) : undefined,
  };
}
