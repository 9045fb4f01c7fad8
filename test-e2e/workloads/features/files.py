# Open files, their positions and locks, and names that came and went.
import ctypes
import fcntl
import os
import struct
import subprocess

import libc


class Offsets:
    """A file read to its middle, one opened for appending, and two descriptors that share a position."""

    def __init__(self):
        with open("/var/words", "w") as file:
            file.write("0123456789" * 100)
        self.reader = open("/var/words", "rb", buffering=0)
        self.reader.seek(15)
        self.twin = os.dup(self.reader.fileno())
        self.log = open("/var/log-file", "ab", buffering=0)
        self.lines = 0

    def check(self):
        assert self.reader.read(1) == b"5"
        assert os.read(self.twin, 9) == b"678901234"
        self.log.write(b"line\n")
        self.lines += 1
        with open("/var/log-file", "rb") as again:
            assert again.read() == b"line\n" * self.lines
        with open("/var/words", "ab") as other:
            other.write(b"more")


class Unlinked:
    """An open file whose name is gone, with more than one descriptor."""

    size = 1 << 20

    def __init__(self):
        self.file = open("/var/unlinked", "w+b", buffering=0)
        self.file.write(os.urandom(1) * self.size)
        self.content = os.pread(self.file.fileno(), self.size, 0)
        self.other = open("/var/unlinked", "rb", buffering=0)
        os.unlink("/var/unlinked")

    def check(self):
        assert os.pread(self.other.fileno(), self.size, 0) == self.content
        assert not os.path.exists("/var/unlinked")
        os.pwrite(self.file.fileno(), b"x", 0)
        self.content = b"x" + self.content[1:]
        assert os.pread(self.other.fileno(), 4, 0) == self.content[:4]


class Replaced:
    """An open file whose name means another file now, as editors and log rotation do it; and one that was renamed."""

    def __init__(self):
        self.old = self.open("/var/replaced", b"old")
        self.open("/var/replaced.new", b"new!").close()
        os.rename("/var/replaced.new", "/var/replaced")
        self.renamed = self.open("/var/before", b"renamed")
        os.rename("/var/before", "/var/after")

    @staticmethod
    def open(path, content):
        file = open(path, "w+b", buffering=0)
        file.write(content)
        return file

    def check(self):
        assert os.pread(self.old.fileno(), 9, 0) == b"old"
        with open("/var/replaced", "rb") as new:
            assert new.read() == b"new!"
        assert os.pread(self.renamed.fileno(), 9, 0) == b"renamed"
        assert os.fstat(self.renamed.fileno()).st_ino == os.stat("/var/after").st_ino


class DeletedImageFile:
    """An open file of the image whose name was removed: what is open lies in a layer below."""

    def __init__(self):
        self.file = open("/usr/share/zoneinfo/UTC" if os.path.exists("/usr/share/zoneinfo/UTC") else "/etc/profile", "rb", buffering=0)
        self.content = os.pread(self.file.fileno(), 65536, 0)
        os.unlink(self.file.name)

    def check(self):
        assert os.pread(self.file.fileno(), 65536, 0) == self.content
        assert not os.path.exists(self.file.name)


class Locks:
    """A whole-file lock, a range lock of the process, and one of the open file; others are kept out."""

    def __init__(self):
        self.flock = open("/var/flock", "w")
        fcntl.flock(self.flock, fcntl.LOCK_EX)
        self.posix = open("/var/posix", "w")
        fcntl.lockf(self.posix, fcntl.LOCK_EX, 10, 5)
        self.description = open("/var/ofd", "w")
        fcntl.fcntl(self.description, fcntl.F_OFD_SETLK, self.range())

    @staticmethod
    def range():
        return struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)

    def check(self):
        child = os.fork()
        if child == 0:
            os._exit(self.taken("/var/flock", lambda f: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB))
                     + 2 * self.taken("/var/posix", lambda f: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 7))
                     + 4 * self.taken("/var/ofd", lambda f: fcntl.fcntl(f, fcntl.F_OFD_SETLK, self.range())))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7

    @staticmethod
    def taken(path, lock):
        try:
            with open(path, "r+") as file:
                lock(file)
            return 0
        except BlockingIOError:
            return 1


class DeletedDirectory:
    """A process whose working directory was removed."""

    def __init__(self):
        self.told, tell = os.pipe()
        ask, self.ask = os.pipe()
        os.mkdir("/var/gone")
        if os.fork() == 0:
            os.chdir("/var/gone")
            os.rmdir("/var/gone")
            while True:
                os.write(tell, os.readlink("/proc/self/cwd").encode().ljust(64))
                os.read(ask, 1)
        self.cwd = os.read(self.told, 64)

    def check(self):
        os.write(self.ask, b".")
        assert b"deleted" in os.read(self.told, 64)
        assert not os.path.exists("/var/gone")


class DeletedFifo:
    """A named pipe with data in it, and one without a name any more."""

    def __init__(self):
        self.named = self.make("/var/fifo")
        self.nameless = self.make("/var/fifo-gone")
        os.unlink("/var/fifo-gone")

    @staticmethod
    def make(path):
        os.mkfifo(path)
        fd = os.open(path, os.O_RDWR)
        os.write(fd, b"in flight")
        return fd

    def check(self):
        for fd in (self.named, self.nameless):
            assert os.read(fd, 99) == b"in flight"
            os.write(fd, b"in flight")
        with open("/var/fifo", "r+b", buffering=0) as again:
            assert again.read(99) == b"in flight"
            again.write(b"in flight")


class NamedFifo:
    """A named pipe with data in it."""

    def __init__(self):
        self.fd = DeletedFifo.make("/var/fifo")

    def check(self):
        assert os.read(self.fd, 99) == b"in flight"
        os.write(self.fd, b"in flight")


class Directory:
    """An open directory, and a descriptor that is only a path."""

    def __init__(self):
        os.makedirs("/var/directory/below")
        self.directory = os.open("/var/directory", os.O_RDONLY | os.O_DIRECTORY)
        self.path = os.open("/var/directory/below", os.O_PATH)

    def check(self):
        assert os.listdir(self.directory) == ["below"]
        assert os.readlink(f"/proc/self/fd/{self.path}") == "/var/directory/below"


class MovedMount:
    """A bind mount that belongs to the container: what was written there is there again, through the same descriptor."""

    def __init__(self):
        self.file = open("/data/journal", "a+b", buffering=0)
        os.makedirs("/data/sub", exist_ok=True)
        os.symlink("../journal", "/data/sub/link")
        self.lines = 0

    def check(self):
        self.file.write(b"entry\n")
        self.lines += 1
        with open("/data/sub/link", "rb") as again:
            assert again.read() == b"entry\n" * self.lines


class KernelFiles:
    """Files of /proc and /sys, one of them of a process that is gone, and a namespace by descriptor."""

    def __init__(self):
        child = subprocess.Popen(["sleep", "3600"])
        self.gone = open(f"/proc/{child.pid}/status")
        child.kill()
        child.wait()
        self.status = open("/proc/self/status")
        self.memory = open("/proc/meminfo")
        self.processes = os.open("/proc", os.O_RDONLY)
        self.mtu = open("/sys/class/net/net1/mtu")
        self.namespace = os.open("/proc/self/ns/net", os.O_RDONLY)

    def check(self):
        for file in (self.status, self.memory, self.mtu):
            file.seek(0)
            assert file.read()
        assert str(os.getpid()) in os.listdir(self.processes)
        assert os.readlink(f"/proc/self/fd/{self.namespace}") == os.readlink("/proc/self/ns/net")


class PlainDevices:
    """Devices without a state of their own."""

    def __init__(self):
        self.fds = {name: os.open(f"/dev/{name}", os.O_RDWR) for name in ("null", "zero", "full", "random", "urandom")}

    def check(self):
        assert os.read(self.fds["zero"], 4) == bytes(4)
        assert os.read(self.fds["null"], 4) == b""
        assert len(os.read(self.fds["urandom"], 4)) == 4


class Lease:
    """A write lease on a file."""

    def __init__(self):
        self.file = open("/var/leased", "w+")
        fcntl.fcntl(self.file, fcntl.F_SETLEASE, fcntl.F_WRLCK)

    def check(self):
        assert fcntl.fcntl(self.file, fcntl.F_GETLEASE) == fcntl.F_WRLCK


class ManyDescriptors:
    """Hundreds of open files."""

    def __init__(self):
        self.files = []
        for index in range(400):
            self.files.append(open(f"/var/many-{index}", "w+b", buffering=0))
            self.files[-1].write(b"%d" % index)

    def check(self):
        assert all(os.pread(file.fileno(), 9, 0) == b"%d" % index for index, file in enumerate(self.files))


class MountInside:
    """A tmpfs that the program mounted itself."""

    def __init__(self):
        os.makedirs("/var/own")
        libc.call("mount", b"none", b"/var/own", b"tmpfs", 0, None)
        with open("/var/own/file", "w") as file:
            file.write("kept")

    def check(self):
        with open("/var/own/file") as file:
            assert file.read() == "kept"


class AsyncIo:
    """A context of the old asynchronous input and output can still be used."""

    def __init__(self):
        self.context = ctypes.c_ulong()
        libc.syscall(206, 16, ctypes.byref(self.context))

    def check(self):
        wait_no_longer = ctypes.create_string_buffer(16)
        assert libc.syscall(208, self.context.value, 0, 1, ctypes.create_string_buffer(32), wait_no_longer) == 0
