import test from 'ava';
import { announcements, checksum, readResolution, vnetHeaderBytes } from './frames.ts';
import { stableMac } from './mac.ts';

const mac = '02:00:00:00:00:01';
const plain = '00'.repeat(vnetHeaderBytes);

test('gratuitous ARP for IPv4', (t) => {
  t.is(
    announcements(mac, ['198.18.0.2'])[0]?.toString('hex'),
    `${plain}ffffffffffff02000000000108060001080006040001020000000001c6120002000000000000c6120002`,
  );
});

test('unsolicited neighbour advertisement for IPv6, with a checksum that holds', (t) => {
  const frame = announcements(mac, ['fd00::2'])[0]?.subarray(vnetHeaderBytes) ?? Buffer.alloc(0);
  t.is(frame.subarray(0, 14).toString('hex'), '33330000000102000000000186dd');
  const message = frame.subarray(54);
  const pseudo = Buffer.concat([frame.subarray(22, 54), Buffer.of(0, 0, 0, message.length, 0, 0, 0, 58)]);
  t.is(checksum(Buffer.concat([pseudo, message])), 0);
  t.is(message[0], 136);
});

function arpRequest(asked: string): Buffer {
  return Buffer.from(
    `${plain}020000000001020000000009080600010800060400010200000000 09c61200c8000000000000${asked}`.replace(' ', ''),
    'hex',
  );
}

test('a kept ARP request is answered to its asker', (t) => {
  const resolution = readResolution(arpRequest('c6120002'), mac, ['198.18.0.2']);
  t.is(resolution.kind, 'resolution');
  t.is(
    resolution.kind === 'resolution' && resolution.answer?.toString('hex'),
    `${plain}02000000000902000000000108060001080006040002020000000001c6120002020000000009c61200c8`,
  );
});

test('a request for another address is kept from the workload and not answered', (t) => {
  t.like(readResolution(arpRequest('c6120003'), mac, ['198.18.0.2']), { kind: 'resolution', answer: undefined });
});

test('a kept neighbour solicitation is answered with a valid checksum', (t) => {
  const asker = 'fd000000000000000000000000000009';
  const asked = 'fd000000000000000000000000000002';
  const frame = Buffer.from(
    `${plain}02000000000102000000000986dd6000000000203aff${asker}${asked}8700000000000000${asked}0101020000000009`,
    'hex',
  );
  const resolution = readResolution(frame, mac, ['fd00::2']);
  const answer = resolution.kind === 'resolution' ? resolution.answer?.subarray(vnetHeaderBytes) : undefined;
  t.is(answer?.subarray(0, 6).toString('hex'), '020000000009');
  t.is(answer?.[58], 0x60);
  const message = answer?.subarray(54) ?? Buffer.alloc(0);
  t.is(
    checksum(
      Buffer.concat([answer?.subarray(22, 54) ?? Buffer.alloc(0), Buffer.of(0, 0, 0, 32, 0, 0, 0, 58), message]),
    ),
    0,
  );
});

test('everything else goes to the workload', (t) => {
  for (const hex of ['', '0800', '0806', '86dd6000', '0806000108000604000202']) {
    t.deepEqual(readResolution(Buffer.from(`${plain}020000000001020000000009${hex}`, 'hex'), mac, []), {
      kind: 'other',
    });
  }
});

test('the MAC of an address is its own, local and not a group', (t) => {
  t.is(stableMac('n', '198.18.0.2'), stableMac('n', '198.18.0.2'));
  t.not(stableMac('n', '198.18.0.2'), stableMac('m', '198.18.0.2'));
  t.regex(stableMac('n', 'fd00::2'), /^02(:[0-9a-f]{2}){5}$/);
});
