# Data on its way between processes of the container, and descriptors that wait for events.
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import libc


class Pipe:
    """A pipe with data in it, one that is full, and its size."""

    def __init__(self):
        self.read, self.write = os.pipe()
        os.write(self.write, b"in flight")
        self.full_read, self.full_write = os.pipe2(os.O_NONBLOCK)
        self.size = 0
        self.fill()

    def fill(self):
        try:
            while True:
                self.size += os.write(self.full_write, b"x" * 4096)
        except BlockingIOError:
            pass

    def check(self):
        assert os.read(self.read, 99) == b"in flight"
        os.write(self.write, b"in flight")
        received = 0
        while received < self.size:
            received += len(os.read(self.full_read, 4096))
        self.size = 0
        self.fill()
        assert self.size == received


class Unix:
    """Connected and named unix sockets of every type, each with data on its way; a descriptor travels, too."""

    def __init__(self):
        self.pairs = [socket.socketpair(socket.AF_UNIX, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)]
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("/tmp/stream")
        self.listener.listen()
        self.abstract = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.abstract.bind("\0feature")
        client = socket.socket(socket.AF_UNIX)
        client.connect("/tmp/stream")
        self.pairs.append((client, self.listener.accept()[0]))
        self.send()

    def send(self):
        for one, other in self.pairs:
            one.send(b"there")
            other.send(b"back")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"datagram", "\0feature")

    def check(self):
        for one, other in self.pairs:
            assert other.recv(9) == b"there"
            assert one.recv(9) == b"back"
        assert self.abstract.recv(99) == b"datagram"
        with socket.socket(socket.AF_UNIX) as late:
            late.connect("/tmp/stream")
            self.listener.accept()[0].close()
        self.send()


class UnixDescriptor:
    """A descriptor that was sent over a unix socket and not yet received."""

    def __init__(self):
        self.one, self.other = socket.socketpair()
        self.send()

    def send(self):
        read, write = os.pipe()
        os.write(write, b"inside")
        socket.send_fds(self.one, [b"."], [read])
        os.close(read)
        os.close(write)

    def check(self):
        _, (fd,), _, _ = socket.recv_fds(self.other, 1, 1)
        assert os.read(fd, 99) == b"inside"
        os.close(fd)
        self.send()


class UnixQueued:
    """A connection to a unix socket of the container that nobody has accepted yet."""

    def __init__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("/tmp/queued")
        self.listener.listen()
        self.connect()

    def connect(self):
        self.client = socket.socket(socket.AF_UNIX)
        self.client.connect("/tmp/queued")
        self.client.send(b"early")

    def check(self):
        connection, _ = self.listener.accept()
        assert connection.recv(9) == b"early"
        self.connect()


class UnixBusy:
    """Connections to a unix socket that carry data for a while before they are accepted, one after the other."""

    def __init__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("/tmp/busy")
        self.listener.listen()
        self.answered = 0
        for run in (self.connect, self.accept):
            threading.Thread(target=run, daemon=True).start()

    def connect(self):
        while True:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect("/tmp/busy")
                client.send(b"early")
                assert client.recv(9) == b"EARLY"
            self.answered += 1
            time.sleep(0.01)

    def accept(self):
        while True:
            time.sleep(0.01)
            connection, _ = self.listener.accept()
            with connection:
                connection.send(connection.recv(9).upper())

    def check(self):
        before = self.answered
        deadline = time.monotonic() + 10
        while self.answered < before + 20:
            assert time.monotonic() < deadline, "connections are not answered"
            time.sleep(0.01)


class Events:
    """eventfd, epoll on a pipe and on the eventfd, and a signalfd with a signal pending."""

    def __init__(self):
        self.event = os.eventfd(5, os.EFD_NONBLOCK)
        self.read, self.write = os.pipe()
        self.epoll = select.epoll()
        self.epoll.register(self.read, select.EPOLLIN)
        self.epoll.register(self.event, select.EPOLLIN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
        mask = (1 << (signal.SIGRTMIN - 1)).to_bytes(8, "little")
        self.signals = libc.syscall(289, -1, mask, 8, 0o4000)  # signalfd4, SFD_NONBLOCK
        self.send()

    def send(self):
        os.write(self.write, b".")
        os.kill(os.getpid(), signal.SIGRTMIN)

    def check(self):
        assert sorted(fd for fd, _ in self.epoll.poll(1)) == sorted([self.read, self.event])
        assert os.eventfd_read(self.event) == 5
        os.eventfd_write(self.event, 5)
        os.read(self.read, 1)
        assert struct.unpack("I", os.read(self.signals, 128)[:4])[0] == signal.SIGRTMIN
        self.send()


class Timerfd:
    """A timerfd that ticks on, and one that is far from its end."""

    def __init__(self):
        self.ticking = os.timerfd_create(time.CLOCK_MONOTONIC)
        os.timerfd_settime(self.ticking, initial=0.05, interval=0.05)
        self.far = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK)
        os.timerfd_settime(self.far, initial=3600)

    def check(self):
        for _ in range(3):
            assert select.select([self.ticking], [], [], 5)[0], "the periodic timer stands still"
            assert struct.unpack("Q", os.read(self.ticking, 8))[0] > 0
        left, interval = os.timerfd_gettime(self.far)
        assert 3000 < left <= 3600 and interval == 0
        try:
            os.read(self.far, 8)
            raise AssertionError("the timer of an hour has ended")
        except BlockingIOError:
            pass


class Inotify:
    """A watch on a directory and one on a file notices what happens after the move."""

    folder = "/var/watched"

    def __init__(self):
        os.makedirs(self.folder)
        with open(f"{self.folder}-file", "w") as file:
            file.write("1")
        self.fd = libc.call("inotify_init1", 0o4000)
        self.directory = libc.call("inotify_add_watch", self.fd, self.folder.encode(), 0x100)  # IN_CREATE
        self.file = libc.call("inotify_add_watch", self.fd, f"{self.folder}-file".encode(), 0x2)  # IN_MODIFY
        self.round = 0

    def check(self):
        self.drain()
        self.round += 1
        with open(f"{self.folder}/{self.round}", "w"):
            pass
        with open(f"{self.folder}-file", "a") as file:
            file.write("2")
        seen = {wd for wd, *_ in self.drain()}
        assert seen == {self.directory, self.file}, seen

    def drain(self):
        events = []
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return events
        while data:
            wd, mask, cookie, length = struct.unpack_from("iIII", data)
            events.append((wd, mask, cookie))
            data = data[16 + length :]
        return events


class InotifyTmpfs(Inotify):
    """Watches in a tmpfs of the container."""

    folder = "/dev/shm/watched"


class InotifyMount(Inotify):
    """Watches in a bind mount that moves with the container."""

    folder = "/data/watched"


class Terminal:
    """A pseudo terminal of the container's own, with a session on it."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        self.child = subprocess.Popen(["sleep", "3600"], stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True)

    def check(self):
        os.write(self.slave, b"x")
        assert os.read(self.master, 1) == b"x"
        os.write(self.master, b"line\n")
        assert os.read(self.slave, 99) == b"line\n"
        os.read(self.master, 99)
        assert self.child.poll() is None
