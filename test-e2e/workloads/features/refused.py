# What a process may hold that cannot move: each class takes hold of one such thing.
import ctypes
import mmap
import os
import signal
import socket
import subprocess
import time

import libc


class Held:
    def check(self):
        return "held"


class IoUring(Held):
    def __init__(self):
        self.fd = libc.syscall(425, 8, ctypes.create_string_buffer(120))


class Perf(Held):
    def __init__(self):
        attributes = ctypes.create_string_buffer((1).to_bytes(4, "little") + (128).to_bytes(4, "little") + bytes(32) + (1 << 5 | 1 << 6).to_bytes(8, "little"), 128)
        self.fd = libc.syscall(298, attributes, 0, -1, -1, 0)


class Userfault(Held):
    def __init__(self):
        self.fd = libc.syscall(323, 1 | 0o4000)  # UFFD_USER_MODE_ONLY


class Fanotify(Held):
    def __init__(self):
        self.fd = libc.call("fanotify_init", 0x200, 0)  # FAN_REPORT_FID
        libc.call("fanotify_mark", self.fd, 1, 0x100, -100, b"/var")


class BpfMap(Held):
    def __init__(self):
        attributes = ctypes.create_string_buffer(b"".join(n.to_bytes(4, "little") for n in (2, 4, 4, 1)), 128)
        self.fd = libc.syscall(321, 0, attributes, 128)


class NetlinkData(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.socket.bind((0, 0))
        self.socket.send(bytes.fromhex("14000000120001030100000000000000") + bytes(4))


class Vsock(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)


class Mptcp(Held):
    """An MPTCP listener, in spite of the sysctl that containers begin with."""

    def __init__(self):
        os.makedirs("/var/proc")
        libc.call("mount", b"proc", b"/var/proc", b"proc", 0, None)
        with open("/var/proc/sys/net/mptcp/enabled", "w") as switch:
            switch.write("1")
        libc.call("umount", b"/var/proc")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
        self.socket.bind(("0.0.0.0", 7009))
        self.socket.listen()


class SignedTcp(Held):
    """A listener that signs its segments with a key, as routing daemons do."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.bind(("0.0.0.0", 7010))
        peer = socket.AF_INET.to_bytes(2, "little") + bytes(2) + socket.inet_aton("198.18.0.1")
        self.socket.setsockopt(socket.IPPROTO_TCP, 14, peer.ljust(128, b"\0") + bytes(2) + (3).to_bytes(2, "little") + bytes(4) + b"key".ljust(80, b"\0"))
        self.socket.listen()


class HugeMemfd(Held):
    def __init__(self):
        self.fd = os.memfd_create("huge", 4)


class SecretMemory(Held):
    def __init__(self):
        self.fd = libc.syscall(447, 0)


class Stopped(Held):
    """A child that was stopped by a signal, as a shell's job is."""

    def __init__(self):
        self.child = subprocess.Popen(["sleep", "3600"])
        os.kill(self.child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.child.pid, os.WSTOPPED | os.WNOWAIT)


class Traced(Held):
    """A child that its parent traces."""

    def __init__(self):
        self.child = os.fork()
        if self.child == 0:
            libc.call("ptrace", 0, 0, None, None)
            signal.raise_signal(signal.SIGSTOP)
        os.waitpid(self.child, os.WUNTRACED)


class ChildNamespace(Held):
    """A child in a mount namespace of its own."""

    flag = os.CLONE_NEWNS

    def __init__(self):
        read, write = os.pipe()
        if os.fork() == 0:
            os.unshare(self.flag)
            self.enter()
            os.write(write, b".")
            while True:
                signal.pause()
        os.read(read, 1)

    def enter(self):
        pass


class ChildUserNamespace(ChildNamespace):
    flag = os.CLONE_NEWUSER


class ChildNetworkNamespace(ChildNamespace):
    flag = os.CLONE_NEWNET


class ChildPidNamespace(ChildNamespace):
    flag = os.CLONE_NEWPID

    def enter(self):
        if os.fork() == 0:
            while True:
                signal.pause()


class ChildUtsNamespace(ChildNamespace):
    flag = os.CLONE_NEWUTS


class ChildTimeNamespace(ChildNamespace):
    flag = 0x80

    def enter(self):
        if os.fork() == 0:
            while True:
                signal.pause()


class Device(Held):
    """A character device that is more than zeros and nothing."""

    def __init__(self):
        self.fd = os.open(os.environ.get("FEATURE_DEVICE", "/dev/net/tun"), os.O_RDWR)


class PosixQueue(Held):
    def __init__(self):
        self.fd = libc.call("mq_open", b"/feature", 0o102, 0o600, None)


class LargeUnlinked(Held):
    """An open file without a name, larger than what CRIU is told to carry."""

    def __init__(self):
        self.file = open("/var/large", "w+b")
        os.unlink("/var/large")
        for _ in range(80):
            self.file.write(os.urandom(1) * (1 << 20))
        self.file.flush()


class OutsideSocket(Held):
    """A connection to a unix socket whose server is not in the container."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect("/outside/service.sock")

    def check(self):
        self.socket.sendall(b"ping\n")
        return self.socket.recv(99).decode()


class OutsideDatagram(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.connect("/outside/log.sock")


class OutsideFile(Held):
    """Inherited from outside: a file that no mount of the container shows."""

    def __init__(self):
        with socket.socket(socket.AF_UNIX) as server:
            server.connect("/outside/descriptors.sock")
            _, fds, _, _ = socket.recv_fds(server, 1, 1)
        self.fds = fds


class SeccompNotify(Held):
    """A filter whose decisions another process takes: holds the listener."""

    def __init__(self):
        program = b"".join([(0x06).to_bytes(2, "little"), bytes(2), (0x7FFF0000).to_bytes(4, "little")])
        instructions = ctypes.create_string_buffer(program, 8)
        filter = ctypes.create_string_buffer((1).to_bytes(2, "little") + bytes(6) + ctypes.addressof(instructions).to_bytes(8, "little"), 16)
        libc.call("prctl", 38, 1, 0, 0, 0)
        self.fd = libc.syscall(317, 1, 8, filter)  # SECCOMP_SET_MODE_FILTER, NEW_LISTENER


class Landlock(Held):
    def __init__(self):
        self.fd = libc.syscall(444, ctypes.create_string_buffer((1).to_bytes(8, "little"), 8), 8, 0)


class PacketPipe(Held):
    def __init__(self):
        self.pipe = os.pipe2(os.O_DIRECT)


class SharedCode(Held):
    """A code buffer that is shared with children, below all other code, and not writable: as PHP-FPM's JIT has one."""

    address = 0x100000

    def __init__(self):
        length = 1 << 20
        address = libc.call("mmap", self.address, length, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, -1, 0)
        libc.call("mprotect", address, length, mmap.PROT_READ | mmap.PROT_EXEC)
        assert address == self.address


class EventSemaphore(Held):
    def __init__(self):
        self.fd = os.eventfd(3, os.EFD_SEMAPHORE)


class Odd(Held):
    """A socket of a family that CRIU does not know and no check looks for."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
