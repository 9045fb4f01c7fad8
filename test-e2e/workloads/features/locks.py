# Locks on files that their holder has mapped, too.
import fcntl
import mmap
import os
import signal
import struct
import threading
import time

import libc

FAR = 1 << 33


def flock_of(kind, start=0, length=0):
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)


def in_child(run):
    """The exit code of a child that returns what `run` returned."""
    child = os.fork()
    if child == 0:
        os._exit(run())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def is_held(path, start, length, kind=fcntl.F_WRLCK):
    """Whether another process cannot have this lock."""

    def attempt():
        file = os.open(path, os.O_RDWR)
        try:
            fcntl.fcntl(file, fcntl.F_SETLK, flock_of(kind, start, length))
            return 0
        except (BlockingIOError, PermissionError):
            return 1

    return in_child(attempt) == 1


class MappedLocks:
    """POSIX locks on files with every kind of mapping; some of a range, some for readers only, one far beyond the end."""

    def __init__(self):
        os.makedirs("/var/locks", exist_ok=True)
        self.held = []
        for name, mapping in {
            "plain": None,
            "shared": {},
            "read-only": {"flags": mmap.MAP_SHARED, "prot": mmap.PROT_READ},
            "private": {"flags": mmap.MAP_PRIVATE, "prot": mmap.PROT_READ},
        }.items():
            self.lock(f"/var/locks/{name}", mapping)
        self.lock("/var/locks/deleted", {})
        os.unlink("/var/locks/deleted")
        self.pid = os.getpid()

    def lock(self, path, mapping):
        with open(path, "wb") as file:
            file.write(b"x" * 8192)
        file = open(path, "r+b")
        for kind, start, length in ((fcntl.F_WRLCK, 10, 10), (fcntl.F_RDLCK, 40, 1), (fcntl.F_WRLCK, FAR, 0)):
            fcntl.fcntl(file, fcntl.F_SETLK, flock_of(kind, start, length))
        self.held.append((file, None if mapping is None else mmap.mmap(file.fileno(), 8192, **mapping)))

    def check(self):
        assert os.getpid() == self.pid
        for file, _ in self.held:
            path = f"/proc/{self.pid}/fd/{file.fileno()}"
            expected = {(5, 5): False, (15, 1): True, (20, 20): False, (40, 1): True, (41, FAR - 41): False, (FAR + 7, 1): True}
            found = {(start, length): is_held(path, start, length) for start, length in expected}
            assert found == expected, (file.name, found)
            assert not is_held(path, 40, 1, fcntl.F_RDLCK), file.name


class MappedLocksOfOthers:
    """The same of a child with threads, of one that shares its descriptors with another process, and somebody who waits for a lock."""

    def __init__(self):
        with open("/var/others", "wb") as file:
            file.truncate(8192)
        self.pids = [self.fork(run) for run in (self.hold_with_threads, self.hold_sharing_descriptors)]
        while not (is_held("/var/others", 0, 10) and is_held("/var/others", 10, 10)):
            time.sleep(0.01)
        self.told, self.tell = os.pipe()
        self.waiter = self.fork(self.wait)
        time.sleep(0.3)

    @staticmethod
    def fork(run):
        child = os.fork()
        if child == 0:
            run()
            while True:
                time.sleep(1000)
        return child

    @staticmethod
    def open_mapped(start):
        file = os.open("/var/others", os.O_RDWR)
        mapped = mmap.mmap(file, 8192)
        fcntl.fcntl(file, fcntl.F_SETLK, flock_of(fcntl.F_WRLCK, start, 10))
        return file, mapped

    def hold_with_threads(self):
        self.kept = self.open_mapped(0)
        threading.Thread(target=time.sleep, args=(100000,), daemon=True).start()

    def hold_sharing_descriptors(self):
        self.kept = self.open_mapped(10)
        if libc.syscall(56, 0x400 | 17, 0, 0, 0, 0) == 0:  # clone(CLONE_FILES | SIGCHLD)
            while True:
                time.sleep(1000)

    def wait(self):
        file = os.open("/var/others", os.O_RDWR)
        fcntl.fcntl(file, fcntl.F_SETLKW, flock_of(fcntl.F_WRLCK, 0, 10))
        os.write(self.tell, b"taken")

    def check(self):
        assert is_held("/var/others", 0, 10)
        assert is_held("/var/others", 10, 10)
        os.set_blocking(self.told, False)
        try:
            raise AssertionError(os.read(self.told, 9))
        except BlockingIOError:
            pass

    def release(self):
        """The one who waits gets what its holder leaves."""
        os.kill(self.pids[0], 9)
        os.waitpid(self.pids[0], 0)
        os.set_blocking(self.told, True)
        assert os.read(self.told, 9) == b"taken"


class MappedOtherLocks:
    """Locks of open files, whole-file locks and leases on files that are mapped."""

    def __init__(self):
        os.makedirs("/var/other-locks", exist_ok=True)
        self.kept = []
        fcntl.flock(self.mapped("flock"), fcntl.LOCK_EX)
        fcntl.fcntl(self.mapped("description"), fcntl.F_OFD_SETLK, flock_of(fcntl.F_WRLCK))

    def mapped(self, name):
        file = open(f"/var/other-locks/{name}", "w+b")
        file.truncate(8192)
        self.kept.append((file, mmap.mmap(file.fileno(), 8192)))
        return file

    def check(self):
        def taken(name, lock):
            try:
                with open(f"/var/other-locks/{name}", "r+b") as file:
                    lock(file)
                return 0
            except BlockingIOError:
                return 1

        assert in_child(lambda: taken("flock", lambda file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB))) == 1
        assert in_child(lambda: taken("description", lambda file: fcntl.fcntl(file, fcntl.F_OFD_SETLK, flock_of(fcntl.F_WRLCK)))) == 1


class OrphanedLocks:
    """Locks that somebody took who is gone, while another still has the descriptor or the table of descriptors."""

    def __init__(self):
        os.makedirs("/var/orphaned", exist_ok=True)
        self.files = {}
        for name in ("posix", "flock", "description"):
            self.files[name] = open(f"/var/orphaned/{name}", "w+b", buffering=0)
            self.files[name].truncate(8192)
        self.mapped = mmap.mmap(self.files["posix"].fileno(), 8192)
        in_child(lambda: fcntl.flock(self.files["flock"], fcntl.LOCK_EX) or 0)
        in_child(lambda: fcntl.fcntl(self.files["description"], fcntl.F_OFD_SETLK, flock_of(fcntl.F_WRLCK)) and 0)
        child = libc.syscall(56, 0x400 | 17, 0, 0, 0, 0)  # clone(CLONE_FILES | SIGCHLD)
        if child == 0:
            fcntl.fcntl(self.files["posix"], fcntl.F_SETLK, flock_of(fcntl.F_WRLCK))
            os.kill(os.getpid(), 9)
        os.waitpid(child, 0)

    def check(self):
        taken = {
            "posix": lambda file: fcntl.fcntl(file, fcntl.F_SETLK, flock_of(fcntl.F_WRLCK)),
            "flock": lambda file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB),
            "description": lambda file: fcntl.fcntl(file, fcntl.F_OFD_SETLK, flock_of(fcntl.F_WRLCK)),
        }
        for name, lock in taken.items():
            assert in_child(lambda: is_free(f"/var/orphaned/{name}", lock)) == 0, name


def is_free(path, lock):
    try:
        with open(path, "r+b") as file:
            lock(file)
        return 1
    except BlockingIOError:
        return 0


class MappedLease:
    """A lease on a file that its holder has mapped."""

    def __init__(self):
        self.file = open("/var/mapped-lease", "w+b")
        self.file.truncate(8192)
        self.mapped = mmap.mmap(self.file.fileno(), 8192)
        fcntl.fcntl(self.file, fcntl.F_SETLEASE, fcntl.F_WRLCK)

    def check(self):
        assert fcntl.fcntl(self.file, fcntl.F_GETLEASE) == fcntl.F_WRLCK
        self.mapped[0] = 1


class MappedReadLease:
    """A read lease on a file that its holder has mapped."""

    def __init__(self):
        with open("/var/mapped-read-lease", "w+b") as file:
            file.truncate(8192)
        self.file = open("/var/mapped-read-lease", "rb")
        self.mapped = mmap.mmap(self.file.fileno(), 8192, prot=mmap.PROT_READ)
        fcntl.fcntl(self.file, fcntl.F_SETLEASE, fcntl.F_RDLCK)

    def check(self):
        assert fcntl.fcntl(self.file, fcntl.F_GETLEASE) == fcntl.F_RDLCK
        assert self.mapped[0] == 0


class Signals:
    """Who gets which signal when a descriptor is ready, and the seals of a memory file."""

    def __init__(self):
        self.read, self.write = os.pipe()
        fcntl.fcntl(self.read, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self.read, 10, signal.SIGUSR2)  # F_SETSIG
        fcntl.fcntl(self.read, fcntl.F_SETFL, fcntl.fcntl(self.read, fcntl.F_GETFL) | os.O_ASYNC)
        self.memory = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
        os.write(self.memory, b"sealed")
        fcntl.fcntl(self.memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE)
        self.seen = 0
        signal.signal(signal.SIGUSR2, self.count)

    def count(self, *_):
        self.seen += 1

    def check(self):
        assert fcntl.fcntl(self.read, fcntl.F_GETOWN) == os.getpid()
        assert fcntl.fcntl(self.read, 11) == signal.SIGUSR2  # F_GETSIG
        before = self.seen
        os.write(self.write, b"x")
        deadline = time.monotonic() + 5
        while self.seen == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.seen > before
        assert os.read(self.read, 1) == b"x"
        assert fcntl.fcntl(self.memory, fcntl.F_GET_SEALS) == fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE
        try:
            os.pwrite(self.memory, b"x", 0)
            raise AssertionError("the seal is gone")
        except PermissionError:
            pass


class PathOfLocked:
    """A descriptor that is only a path, beside a lock on the same file."""

    def __init__(self):
        with open("/var/path-locked", "w") as file:
            file.write("x" * 100)
        self.file = open("/var/path-locked", "r+b")
        self.mapped = mmap.mmap(self.file.fileno(), 100)
        self.path = os.open("/var/path-locked", os.O_PATH)
        fcntl.fcntl(self.file, fcntl.F_SETLK, flock_of(fcntl.F_WRLCK))

    def check(self):
        assert is_held("/var/path-locked", 0, 1)
        assert os.fstat(self.path).st_ino == os.stat("/var/path-locked").st_ino
