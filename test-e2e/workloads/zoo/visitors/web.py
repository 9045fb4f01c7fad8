# Visitors of web servers.
import http.client
import time

from streams import LIMIT_S, Visitor

LINE_BYTES = 64
CHUNK_BYTES = 64 * 1024
DOWNLOAD_BYTES_PER_S = 8 * 2**20


class Same(Visitor):
    """One connection, kept alive: the page is always the same."""

    def __init__(self, address, port, path="/"):
        self.path = path
        self.connection = http.client.HTTPConnection(address, int(port), timeout=LIMIT_S)
        self.connection.connect()
        self.connection.auto_open = False
        self.first = self.get()

    def get(self):
        self.connection.request("GET", self.path)
        response = self.connection.getresponse()
        assert response.status == 200, response.status
        return response.read()

    def visit(self):
        page = self.get()
        assert page == self.first, page[:200]


class Counted(Same):
    """One connection, kept alive: the page is the number of visits."""

    def visit(self):
        self.first = b"%d" % (int(self.first) + 1)
        super().visit()


class Afresh(Visitor):
    """A connection for each visit: the page is always the same."""

    def __init__(self, *server):
        self.server = server
        self.first = Same(*server).first

    def visit(self):
        page = Same(*self.server)
        assert page.first == self.first, page.first[:200]
        page.connection.close()


class Numbers(Visitor):
    """An endless page of the numbers from 0, one a line."""

    def __init__(self, address, port, path="/"):
        self.connection = http.client.HTTPConnection(address, int(port), timeout=LIMIT_S)
        self.connection.request("GET", path)
        self.page = self.connection.getresponse()
        assert self.page.status == 200, self.page.status
        self.next = 0

    def visit(self):
        line = self.page.readline()
        assert line == b"%d\n" % self.next, f"{line!r} instead of {self.next}"
        self.next += 1


class Download(Visitor):
    """A large file of numbered lines, at a steady rate, again and again."""

    def __init__(self, address, port, path):
        self.connection = http.client.HTTPConnection(address, int(port), timeout=LIMIT_S)
        self.path = path
        self.page = None

    def visit(self):
        if self.page is None:
            self.connection.request("GET", self.path)
            self.page, self.next = self.connection.getresponse(), 0
            self.left = self.page.length
            assert self.page.status == 200, self.page.status
        lines = self.page.read(min(CHUNK_BYTES, self.left))
        assert lines == numbered(self.next, len(lines) // LINE_BYTES), f"wrong bytes after line {self.next}"
        self.next += len(lines) // LINE_BYTES
        self.left -= len(lines)
        if self.left == 0:
            self.page = None
        time.sleep(CHUNK_BYTES / DOWNLOAD_BYTES_PER_S)


def numbered(first, count):
    return b"".join(b"%063d\n" % number for number in range(first, first + count))
