# Visitors of servers that speak in lines.
import socket

LIMIT_S = 100


class Visitor:
    def check(self):
        """What can be said of all data when some visits are done."""


def connect(address, port):
    connection = socket.create_connection((address, int(port)), timeout=LIMIT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Counts(Visitor):
    """A server that sends the numbers from 0 without being asked."""

    def __init__(self, address, port):
        self.lines = connect(address, port).makefile("rb")
        self.next = 0

    def visit(self):
        line = self.lines.readline()
        assert line == b"%d\n" % self.next, f"{line!r} instead of {self.next}"
        self.next += 1


class Asks(Visitor):
    """A server that checks itself, and answers every line with `ok` or with what is wrong."""

    def __init__(self, address, port):
        self.lines = connect(address, port).makefile("rwb")

    def visit(self):
        self.lines.write(b"\n")
        self.lines.flush()
        line = self.lines.readline()
        assert line == b"ok\n", line.decode()
