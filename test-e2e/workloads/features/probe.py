# The client's side of features: does its work until a line comes on stdin, then answers with one line of JSON.
# Usage: probe.py echoes|connects|datagrams ADDRESS PORT [COUNT]
import json
import socket
import sys
import threading
import time

LIMIT_S = 20


def connect(address, port):
    connection = socket.create_connection((address, port), timeout=LIMIT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    assert connection.recv(6) == b"hello\n"
    return connection


class Echoes:
    """COUNT idle connections; each line makes every one of them say something."""

    def __init__(self, address, port, count="1"):
        self.connections = [connect(address, port) for _ in range(int(count))]

    def answer(self):
        alive = 0
        faults = []
        for index, connection in enumerate(self.connections):
            try:
                connection.sendall(b"%d" % index)
                alive += connection.recv(9) == b"%d" % index
            except OSError as error:
                faults.append(str(error))
        return {"alive": alive, "faults": faults[:5]}


class Repeating:
    """Does one thing after the other in a thread of its own; each line asks how it went since the last one."""

    def __init__(self, address, port):
        self.address, self.port = address, port
        self.done = 0
        self.faults = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                self.once()
                self.done += 1
            except (OSError, AssertionError) as error:
                self.faults.append(repr(error))
            time.sleep(0.005)

    def answer(self):
        said = {"done": self.done, "faults": self.faults[:5]}
        self.done, self.faults = 0, []
        return said


class Connects(Repeating):
    def once(self):
        connect(self.address, self.port).close()


class Datagrams(Repeating):
    """Sends numbers over one socket and notes which came back."""

    def __init__(self, address, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((address, int(port)))
        self.sent = 0
        self.answered = set()
        threading.Thread(target=self.receive, daemon=True).start()
        super().__init__(address, port)

    def once(self):
        self.sent += 1
        self.socket.send(b"%d" % self.sent)

    def receive(self):
        while True:
            self.answered.add(int(self.socket.recv(99).split()[1]))

    def answer(self):
        time.sleep(0.5)
        until = self.sent - 100
        return {"sent": until, "missing": sorted(set(range(1, until + 1)) - self.answered)}


mode, *arguments = sys.argv[1:]
probe = {"echoes": Echoes, "connects": Connects, "datagrams": Datagrams}[mode](*arguments)
for _ in sys.stdin:
    print(json.dumps(probe.answer()), flush=True)
