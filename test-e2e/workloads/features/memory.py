# Memory that several processes or names share.
import ctypes
import mmap
import os
import signal
import threading
import time

import libc


class SharedAnonymous:
    """A child counts up in memory shared with its parent whenever it gets a signal."""

    def __init__(self):
        self.memory = mmap.mmap(-1, 1 << 20)
        self.done, told = os.pipe()
        self.child = os.fork()
        self.count = 0
        if self.child == 0:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
            os.write(told, b".")
            while True:
                signal.sigwait([signal.SIGUSR1])
                self.memory[0] += 1
                os.write(told, b".")
        os.read(self.done, 1)

    def check(self):
        os.kill(self.child, signal.SIGUSR1)
        os.read(self.done, 1)
        self.count += 1
        assert self.memory[0] == self.count, (self.memory[0], self.count)


class Memfd:
    """A memfd seen through a mapping and through its descriptor."""

    def __init__(self):
        self.fd = os.memfd_create("feature")
        os.ftruncate(self.fd, 1 << 20)
        self.memory = mmap.mmap(self.fd, 1 << 20)
        self.round = 0

    def check(self):
        assert self.memory[0] == self.round
        self.round += 1
        os.pwrite(self.fd, bytes([self.round]), 0)
        assert self.memory[0] == self.round


class PrivateMemory:
    """64 MiB of pages that each bear their number, and a hole that stays empty."""

    pages = 16384

    def __init__(self):
        self.memory = mmap.mmap(-1, 2 * self.pages * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for page in range(self.pages):
            self.memory[page * 4096 : page * 4096 + 4] = page.to_bytes(4, "little")

    def check(self):
        for page in range(self.pages):
            assert int.from_bytes(self.memory[page * 4096 : page * 4096 + 4], "little") == page, page
        assert not any(self.memory[self.pages * 4096 : self.pages * 4096 + 65536])


class SysvSharedMemory:
    """A System V segment: attached once from the start, attached anew at each check."""

    def __init__(self):
        self.id = libc.call("shmget", 4711, 65536, 0o1600)
        self.first = libc.call("shmat", self.id, 0, 0)
        self.round = 0

    def check(self):
        second = libc.call("shmat", libc.call("shmget", 4711, 65536, 0o600), 0, 0)
        assert ctypes.c_char.from_address(second).value[0] == self.round
        self.round += 1
        ctypes.c_char.from_address(self.first).value = bytes([self.round])
        assert ctypes.c_char.from_address(second).value[0] == self.round
        libc.call("shmdt", second)


class SysvSemaphore:
    """A System V semaphore keeps its value, a message queue its message."""

    def __init__(self):
        self.semaphore = libc.call("semget", 4712, 1, 0o1600)
        libc.call("semctl", self.semaphore, 0, 16, 7)  # SETVAL
        self.queue = libc.call("msgget", 4713, 0o1600)
        self.send()

    def send(self):
        libc.call("msgsnd", self.queue, ctypes.create_string_buffer((1).to_bytes(8, "little") + b"word", 12), 4, 0)

    def check(self):
        assert libc.call("semctl", self.semaphore, 0, 12) == 7  # GETVAL
        message = ctypes.create_string_buffer(64)
        assert libc.call("msgrcv", self.queue, message, 16, 0, 0) == 4
        assert message.raw[8:12] == b"word"
        self.send()


class ShmFile:
    """A file in /dev/shm (a tmpfs of the container) with a shared mapping."""

    def __init__(self):
        self.file = open("/dev/shm/feature", "w+b")
        self.file.truncate(65536)
        self.memory = mmap.mmap(self.file.fileno(), 65536)
        with open("/dev/shm/untouched", "w") as other:
            other.write("tmpfs")
        self.round = 0

    def check(self):
        with open("/dev/shm/feature", "rb") as again:
            assert again.read(1)[0] == self.round
        with open("/dev/shm/untouched") as other:
            assert other.read() == "tmpfs"
        self.round += 1
        self.memory[0] = self.round


class MappedFile:
    """A file of the container's own layer, written through a shared mapping only."""

    def __init__(self):
        with open("/var/mapped", "w+b") as file:
            file.truncate(1 << 20)
            self.memory = mmap.mmap(file.fileno(), 1 << 20)
        self.round = 0
        self.write()

    def write(self):
        self.round += 1
        for offset in range(0, 1 << 20, 4096):
            self.memory[offset] = self.round

    def check(self):
        with open("/var/mapped", "rb") as again:
            content = again.read()
        assert len(content) == 1 << 20
        assert all(content[offset] == self.round for offset in range(0, 1 << 20, 4096))
        self.write()


class MappedBriefly:
    """Files that are mapped, written twice and unmapped again, over and over: of the second write no file time tells."""

    count = 120

    def __init__(self):
        os.makedirs("/var/brief", exist_ok=True)
        self.stale = []
        self.rounds = [0] * self.count
        for index in range(self.count):
            threading.Thread(target=self.run, args=(index,), daemon=True).start()

    def run(self, index):
        fd = os.open(f"/var/brief/{index}", os.O_RDWR | os.O_CREAT)
        os.ftruncate(fd, 16384)
        time.sleep(0.6 * index / self.count)
        while True:
            with mmap.mmap(fd, 16384) as mapped:
                mapped[0] = 2 * self.rounds[index] % 256
                time.sleep(0.25)
                mapped[0] += 1
                expected = bytes(mapped[0:1])
            time.sleep(0.35)
            found = os.pread(fd, 1, 0)
            if found != expected:
                self.stale.append((index, found, expected))
                os.pwrite(fd, expected, 0)
            self.rounds[index] += 1

    def check(self):
        before = list(self.rounds)
        while any(now < then + 2 for now, then in zip(self.rounds, before)):
            time.sleep(0.02)
        assert not self.stale, f"{len(self.stale)} stale, {self.stale[0]}"
