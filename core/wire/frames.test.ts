// Frames survive any cut of the stream; nothing else passes for one.
import test from 'ava';
import * as fc from 'fast-check';
import { encodeFrame, FrameDecoder, frameKinds, maxPayloadBytes, type Frame } from './frames.ts';

const frame: fc.Arbitrary<Frame> = fc.record({
  kind: fc.constantFrom(...Object.values(frameKinds)),
  payload: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
});

const bytesOf = (frames: readonly Frame[]): Buffer =>
  Buffer.concat(frames.flatMap(({ kind, payload }) => encodeFrame(kind, payload)));

test('frames come out as they went in, however the stream is cut', (t) => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat({ max: 50 })), (frames, sizes) => {
      const stream = bytesOf(frames);
      const decoder = new FrameDecoder();
      const received: Frame[] = [];
      let position = 0;
      for (const size of [...sizes, stream.length]) {
        received.push(
          ...decoder
            .push(stream.subarray(position, position + size))
            .map(({ kind, payload }) => ({ kind, payload: Buffer.from(payload) })),
        );
        position += size;
      }
      t.deepEqual(received, frames);
      t.is(decoder.pendingBytes, 0);
    }),
  );
});

test('parts of a payload are one payload', (t) => {
  const [received] = new FrameDecoder().push(
    Buffer.concat(encodeFrame(frameKinds.image, Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c'))),
  );
  t.is(received?.payload.toString(), 'abc');
});

test('a frame that is not whole waits', (t) => {
  const decoder = new FrameDecoder();
  const whole = bytesOf([{ kind: frameKinds.message, payload: Buffer.from('hello') }]);
  t.deepEqual(decoder.push(whole.subarray(0, -1)), []);
  t.is(decoder.pendingBytes, whole.length - 1);
  t.is(decoder.push(whole.subarray(-1)).length, 1);
});

test('the largest payload passes, one byte more is refused by its header alone', (t) => {
  t.is(
    new FrameDecoder().push(bytesOf([{ kind: frameKinds.image, payload: Buffer.alloc(maxPayloadBytes) }])).length,
    1,
  );
  const [header = Buffer.alloc(0)] = encodeFrame(frameKinds.image, Buffer.alloc(maxPayloadBytes + 1));
  t.throws(() => new FrameDecoder().push(header), { code: 'ERR_PEER_PROTOCOL' });
});

test('an unknown kind is refused', (t) => {
  for (const kind of [0, 4, 255])
    t.throws(() => new FrameDecoder().push(Buffer.from([0, 0, 0, 0, kind])), { code: 'ERR_PEER_PROTOCOL' });
});

test('noise never passes for more than it is', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
      const decoder = new FrameDecoder();
      try {
        const taken = decoder.push(Buffer.from(noise)).reduce((sum, { payload }) => sum + payload.length + 5, 0);
        t.is(taken + decoder.pendingBytes, noise.length);
      } catch (error) {
        t.true(error instanceof Error && 'code' in error && error.code === 'ERR_PEER_PROTOCOL');
      }
    }),
  );
});
