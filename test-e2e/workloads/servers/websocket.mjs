// Echoes WebSocket text frames (RFC 6455) on port 8080 with nothing but node:http; a frame is answered exactly once.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const port = Number(process.argv[2] ?? 8080);
const server = createServer((_request, response) => response.writeHead(426).end());

server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let pending = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (data) => {
    pending = Buffer.concat([pending, data]);
    for (let frame = readFrame(pending); frame; frame = readFrame(pending)) {
      pending = pending.subarray(frame.size);
      if (frame.opcode === 8) socket.end(frameOf(8, frame.payload));
      else if (frame.opcode === 9) socket.write(frameOf(10, frame.payload));
      else if (frame.opcode === 1 || frame.opcode === 2) socket.write(frameOf(frame.opcode, frame.payload));
    }
  });
});

server.listen(port, '0.0.0.0');

/** First whole masked frame of at most 64 KiB; undefined while it is incomplete. */
function readFrame(bytes) {
  if (bytes.length < 6) return undefined;
  const short = bytes[1] & 0x7f;
  const header = short === 126 ? 8 : 6;
  if (short === 127 || bytes.length < header) return undefined;
  const length = short === 126 ? bytes.readUInt16BE(2) : short;
  if (bytes.length < header + length) return undefined;
  const mask = bytes.subarray(header - 4, header);
  const payload = Buffer.from(bytes.subarray(header, header + length)).map((byte, index) => byte ^ mask[index & 3]);
  return { opcode: bytes[0] & 0x0f, payload, size: header + length };
}

function frameOf(opcode, payload) {
  const header =
    payload.length < 126
      ? Buffer.from([0x80 | opcode, payload.length])
      : Buffer.from([0x80 | opcode, 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([header, payload]);
}
