# asyncio with a pool of processes, their queues and semaphores, a lock on a file, a file without a name and an SQLite
# database: numbers from 0 for who connects, until something is wrong.
import asyncio
import fcntl
import multiprocessing
import sqlite3
import sys
import tempfile

CONTENT = bytes(range(256)) * 400
PAUSE_S = 0.01
HOME = "/tmp/pool"


def sum_below(limit):
    return sum(range(limit))


async def work(pool):
    while True:
        assert await asyncio.to_thread(pool.apply, sum_below, (2000,)) == 1_999_000
        await asyncio.sleep(PAUSE_S)


async def read(nameless):
    while True:
        nameless.seek(0)
        assert nameless.read() == CONTENT
        await asyncio.sleep(PAUSE_S)


async def commit(database):
    rows = 0
    while True:
        rows += 1
        with database:
            database.execute("insert into rows values (?, ?)", (rows, "x" * 100))
        if rows % 50 == 0:
            assert database.execute("select count(*) from rows").fetchone() == (rows,)
            assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        await asyncio.sleep(PAUSE_S)


async def count(_, writer):
    number = 0
    while True:
        writer.write(b"%d\n" % number)
        await writer.drain()
        number += 1
        await asyncio.sleep(0.005)


async def main(port):
    nameless = tempfile.TemporaryFile()
    nameless.write(CONTENT)
    lock = open(f"{HOME}.lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    database = sqlite3.connect(f"{HOME}.db")
    database.execute("pragma journal_mode=wal")
    database.execute("create table rows (number integer primary key, content text)")
    pool = multiprocessing.Pool(2)
    server = await asyncio.start_server(count, "0.0.0.0", port)
    async with asyncio.TaskGroup() as group:  # the first fault ends the program, and with it the visitors' connections
        for task in (work(pool), read(nameless), commit(database), server.serve_forever()):
            group.create_task(task)


if __name__ == "__main__":  # workers import this file
    asyncio.run(main(int(sys.argv[1])))
