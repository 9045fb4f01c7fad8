# A storm of forks: processes whose children, and their children, come and go without pause.
# Each child tells its number by a pipe and its exit status; none may be missing.
import mmap
import os
import struct
import sys
import time

from answers import serve

STORMS = 3
MORE = 5
LIMIT_S = 60


def child(number):
    """Ends with what its own child says, if it has one."""
    inner = os.fork() if number % 3 else 0
    if inner:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]))
    os._exit(number % 251)


def spawn_once(number):
    """By vfork: this process stands still until its child runs the program."""
    status = os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {number % 251}"], {}), 0)[1])
    if status != number % 251:
        sys.exit(f"spawned child {number}: status {status}")


def fork_once(number):
    mine, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(theirs, b"%d" % number)
        child(number)
    told = os.read(mine, 20)
    os.close(mine)
    os.close(theirs)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if (told, status) != (b"%d" % number, number % 251):
        sys.exit(f"child {number} said {told}, status {status}")


def storm(shared, index):
    number = 0
    while True:
        number += 1
        (fork_once if index else spawn_once)(number)
        struct.pack_into("Q", shared, 8 * index, number)
        time.sleep(0.001)


def main(port):
    shared = mmap.mmap(-1, 4096)
    for index in range(STORMS):
        if os.fork() == 0:
            storm(shared, index)

    def counts():
        return struct.unpack_from(f"{STORMS}Q", shared)

    def check():
        before, deadline = counts(), time.monotonic() + LIMIT_S
        while any(now < then + MORE for now, then in zip(counts(), before)):
            assert time.monotonic() < deadline, f"no more forks: {before}, {counts()}"
            time.sleep(0.01)
        assert os.waitpid(-1, os.WNOHANG) == (0, 0), "a storm ended"

    serve(port, check)


main(int(sys.argv[1]))
