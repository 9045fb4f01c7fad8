# Databases that several processes write at once.
import mmap
import os
import sqlite3
import struct
import time


class Sqlite:
    """Processes that commit rows to one SQLite database; whatever was acknowledged has to be there, and the file be sound."""

    writers = 4
    mode = "wal"

    def __init__(self):
        os.makedirs("/var/sqlite", exist_ok=True)
        self.path = f"/var/sqlite/{self.mode}.db"
        connection = self.connect()
        connection.execute(f"pragma journal_mode={self.mode}")
        connection.execute("create table rows (writer int, number int, content blob, primary key (writer, number))")
        connection.close()
        self.acknowledged = mmap.mmap(-1, 4096)
        self.faults, tell = os.pipe()
        os.set_blocking(self.faults, False)
        for writer in range(self.writers):
            if os.fork() == 0:
                self.write(writer, tell)
        self.connection = self.connect()

    def connect(self):
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=60)
        connection.execute("pragma synchronous=normal")
        connection.execute("pragma wal_autocheckpoint=200")
        return connection

    def write(self, writer, tell):
        connection = self.connect()
        number = 0
        while True:
            number += 1
            try:
                connection.execute("begin immediate")
                connection.execute("insert into rows values (?, ?, ?)", (writer, number, os.urandom(400)))
                connection.execute("commit")
                struct.pack_into("Q", self.acknowledged, 8 * writer, number)
            except sqlite3.Error as error:
                os.write(tell, f"{writer}, {number}: {error!r}\n".encode())
                time.sleep(0.1)
            time.sleep(0.002)

    def counts(self):
        return struct.unpack_from(f"{self.writers}Q", self.acknowledged)

    def check(self):
        before = self.counts()
        deadline = time.monotonic() + 60
        while any(now < then + 3 for now, then in zip(self.counts(), before)) and time.monotonic() < deadline:
            time.sleep(0.01)
        acknowledged = self.counts()
        found = dict(self.connection.execute("select writer, count(*) from rows group by writer"))
        assert all(found[writer] >= count for writer, count in enumerate(acknowledged)), (found, acknowledged)
        assert self.connection.execute("pragma integrity_check").fetchone() == ("ok",)
        try:
            raise AssertionError(os.read(self.faults, 4096).decode())
        except BlockingIOError:
            pass


class SqliteJournal:
    """A connection in the default mode, which looks whether the file at the path is still the one that it opened."""

    def __init__(self):
        self.connection = sqlite3.connect("/var/journal.db", isolation_level=None)
        self.connection.execute("create table rows (number int)")

    def check(self):
        assert self.connection.execute("select count(*) from rows").fetchone() == (0,)


class SqlitePool:
    """Two connections of one process, with a write-ahead log."""

    def __init__(self):
        self.connections = [sqlite3.connect("/var/pool.db", isolation_level=None) for _ in range(2)]
        for connection in self.connections:
            connection.execute("pragma journal_mode=wal")
            connection.execute("create table if not exists rows (number int)")

    def check(self):
        for connection in self.connections:
            connection.execute("insert into rows values (1)")


class SqliteClosed:
    """A database in the default mode that is open only while it is used."""

    def __init__(self):
        self.rows = 0

    def check(self):
        connection = sqlite3.connect("/var/closed.db")
        with connection:
            connection.execute("create table if not exists rows (number int)")
            connection.execute("insert into rows values (1)")
        self.rows += 1
        assert connection.execute("select count(*) from rows").fetchone() == (self.rows,)
        connection.close()
