# Processes, threads, and the clocks and timers they wait for.
import ctypes
import os
import select
import signal
import subprocess
import threading
import time

import libc


class Threads:
    """50 threads that sleep and count; all go on."""

    def __init__(self):
        self.counts = [0] * 50
        for index in range(50):
            threading.Thread(target=self.count, args=(index,), daemon=True).start()

    def count(self, index):
        while True:
            self.counts[index] += 1
            time.sleep(0.05)

    def check(self):
        before = list(self.counts)
        deadline = time.monotonic() + 10
        while any(now == then for now, then in zip(self.counts, before)):
            assert time.monotonic() < deadline, self.counts
            time.sleep(0.01)


class Sleeper:
    """A child in one long sleep and one that waits for a futex with an end; neither wakes early nor hangs."""

    def __init__(self):
        self.started = time.monotonic()
        self.long = self.sleep(3600)
        self.short = self.sleep(1)

    @staticmethod
    def sleep(seconds):
        child = os.fork()
        if child == 0:
            started = time.monotonic()
            time.sleep(seconds)
            os._exit(0 if time.monotonic() - started >= seconds else 1)
        return child

    def check(self):
        assert os.waitpid(self.long, os.WNOHANG) == (0, 0)
        assert os.waitpid(self.short, 0) == (self.short, 0)
        self.short = self.sleep(1)


class Timers:
    """A POSIX timer and interval timers of real and of processor time go on ticking."""

    def __init__(self):
        self.ticks = {signal.SIGRTMIN + 1: 0, signal.SIGVTALRM: 0, signal.SIGALRM: 0}
        for number in self.ticks:
            signal.signal(number, self.tick)
        timer = ctypes.c_void_p()
        event = ctypes.create_string_buffer((0).to_bytes(8, "little") + int(signal.SIGRTMIN + 1).to_bytes(4, "little") + (0).to_bytes(4, "little"), 64)
        libc.call("timer_create", time.CLOCK_MONOTONIC, event, ctypes.byref(timer))
        nanoseconds = (50_000_000).to_bytes(8, "little")
        libc.call("timer_settime", timer, 0, ctypes.create_string_buffer(bytes(8) + nanoseconds + bytes(8) + nanoseconds, 32), None)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.02, 0.02)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)

    def tick(self, number, _frame):
        self.ticks[number] += 1

    def check(self):
        before = dict(self.ticks)
        deadline = time.monotonic() + 10
        while any(self.ticks[number] < before[number] + 2 for number in self.ticks):
            assert time.monotonic() < deadline, (before, self.ticks)


class Alarm:
    """An alarm that is far away."""

    def __init__(self):
        signal.alarm(3600)

    def check(self):
        left = signal.alarm(3600)
        assert 3000 < left <= 3600, left


class Tree:
    """Children, a grandchild whose parent is gone, a zombie, and one in a session of its own."""

    def __init__(self):
        self.told, self.tell = os.pipe()
        self.zombie = self.fork(lambda: os._exit(42))
        self.session = self.fork(self.own_session)
        self.fork(lambda: (self.fork(self.orphan), os._exit(0)))
        self.orphans_pid = int(os.read(self.told, 8))
        assert int(os.read(self.told, 8)) == self.session

    @staticmethod
    def fork(work):
        child = os.fork()
        if child == 0:
            work()
            os._exit(1)
        return child

    @staticmethod
    def wait():
        while True:
            signal.pause()

    def own_session(self):
        time.sleep(0.2)
        os.setsid()
        os.write(self.tell, str(os.getpid()).ljust(8).encode())
        self.wait()

    def orphan(self):
        os.write(self.tell, str(os.getpid()).ljust(8).encode())
        self.wait()

    def check(self):
        result = os.waitid(os.P_PID, self.zombie, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        assert result is not None and result.si_status == 42, result
        assert os.getsid(self.session) == self.session
        assert os.getsid(self.orphans_pid) == os.getsid(0)
        with open(f"/proc/{self.orphans_pid}/stat") as stat:
            assert int(stat.read().rsplit(")", 1)[1].split()[1]) == 1


class Clock:
    """The monotonic clock does not run backwards, in none of its kinds."""

    kinds = (time.CLOCK_MONOTONIC, time.CLOCK_MONOTONIC_RAW, time.CLOCK_BOOTTIME)

    def __init__(self):
        self.latest = self.read()

    def read(self):
        return [time.clock_gettime(kind) for kind in self.kinds]

    def check(self):
        now = self.read()
        assert all(after >= before for after, before in zip(now, self.latest)), (self.latest, now)
        assert now[0] - self.latest[0] < 300, (self.latest, now)
        self.latest = now


class Identity:
    """Process ids, limits, umask, environment, capabilities, signal handlers and the name of the host."""

    def __init__(self):
        os.umask(0o027)
        self.before = self.read()

    @staticmethod
    def read():
        with open("/proc/self/status") as status:
            kept = ("Umask", "Pid", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")
            lines = {line.split(":")[0]: line for line in status if line.split(":")[0] in kept}
        with open("/proc/self/limits") as limits:
            return [lines, limits.read(), os.uname().nodename, dict(os.environ)]

    def check(self):
        now = self.read()
        assert now == self.before, (self.before, now)


class Pidfd:
    """A child by descriptor: one that lives and one that has ended."""

    def __init__(self):
        self.child = subprocess.Popen(["sleep", "3600"])
        self.live = os.pidfd_open(self.child.pid)
        ended = subprocess.Popen(["true"])
        self.ended = os.pidfd_open(ended.pid)
        ended.wait()

    def check(self):
        signal.pidfd_send_signal(self.live, 0)
        assert select.select([self.live, self.ended], [], [], 0)[0] == [self.ended]


class ChildMountNamespace:
    """A child in a mount namespace of its own sees a mount that its parent does not."""

    def __init__(self):
        told, tell = os.pipe()
        os.makedirs("/var/private")
        self.child = os.fork()
        if self.child == 0:
            os.unshare(os.CLONE_NEWNS)
            libc.call("mount", None, b"/", None, 1 << 18 | 16384, None)  # MS_PRIVATE | MS_REC
            libc.call("mount", b"none", b"/var/private", b"tmpfs", 0, None)
            with open("/var/private/file", "w") as file:
                file.write("seen")
            os.write(tell, b".")
            while True:
                signal.pause()
        os.read(told, 1)

    def check(self):
        assert os.listdir("/var/private") == []
        with open(f"/proc/{self.child}/root/var/private/file") as file:
            assert file.read() == "seen"
