# Serves one long slow download whose every byte follows from its position, so that a client notices any loss or
# repetition. Usage: download.py PORT SIZE_BYTES BYTES_PER_SECOND. GET / starts a stream; the block at offset n * 64 is
# the text of n.
import http.server
import sys
import time

PORT, SIZE, RATE = (int(argument) for argument in sys.argv[1:4]) if len(sys.argv) > 3 else (8000, 20 << 20, 2 << 20)
CHUNK = 16384


def block(first, count):
    return b"".join(b"%063d\n" % number for number in range(first, first + count))


class Stream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()
        for offset in range(0, SIZE, CHUNK):
            self.wfile.write(block(offset // 64, min(CHUNK, SIZE - offset) // 64))
            time.sleep(CHUNK / RATE)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("0.0.0.0", PORT), Stream).serve_forever()
