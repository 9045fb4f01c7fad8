# Visitors of stores in memory.
import itertools

from streams import Visitor, connect

CONNECTIONS = 1000
KEYS, VALUE = 20_000, "v" * 400
numbers = itertools.count()


class RedisConnection:
    def __init__(self, address, port):
        self.lines = connect(address, port).makefile("rwb")

    def send(self, *words):
        self.lines.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words))

    def reply(self):
        self.lines.flush()
        head = self.lines.readline()
        return self.lines.read(int(head[1:]) + 2) if head[:1] == b"$" else head[1:].strip()

    def ask(self, *words):
        self.send(*words)
        return self.reply()


class Redis(Visitor):
    """Increments a key of its own, and lets a snapshot be written when it looks."""

    def __init__(self, *server):
        self.server = server
        self.connection = RedisConnection(*server)
        self.key, self.value = f"visitor:{next(numbers)}", 0
        for index in range(KEYS):
            self.connection.send("SET", f"filling:{index}", VALUE)
        assert {self.connection.reply() for _ in range(KEYS)} == {b"OK"}

    def visit(self):
        self.value += 1
        found = self.connection.ask("INCR", self.key)
        assert found == b"%d" % self.value, f"{found} instead of {self.value}"

    def check(self):
        other = RedisConnection(*self.server)
        other.ask("BGSAVE")  # unless it goes on
        state = other.ask("INFO", "persistence")
        for line in (b"rdb_bgsave_in_progress:1", b"rdb_last_bgsave_status:ok", b"aof_enabled:1", b"aof_last_write_status:ok"):
            assert line in state, f"no {line} in {state}"


class Memcached(Visitor):
    """Many connections, of which one after the other writes its own key and reads it."""

    def __init__(self, *server):
        self.connections = [connect(*server).makefile("rwb") for _ in range(CONNECTIONS)]
        self.turn = 0

    def visit(self):
        self.turn += 1
        key = self.turn % CONNECTIONS
        self.write(key, b"%d" % self.turn)
        self.must_have(key, b"%d" % self.turn)

    def write(self, key, value):
        assert self.ask(key, b"set k%d 0 0 %d\r\n%s\r\n" % (key, len(value), value)) == b"STORED\r\n"

    def must_have(self, key, value):
        head = self.ask(key, b"get k%d\r\n" % key)
        found = self.connections[key].readline(), self.connections[key].readline()
        assert (head, *found) == (b"VALUE k%d 0 %d\r\n" % (key, len(value)), value + b"\r\n", b"END\r\n"), f"{head} {found}"

    def ask(self, key, request):
        self.connections[key].write(request)
        self.connections[key].flush()
        return self.connections[key].readline()
