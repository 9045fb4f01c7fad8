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


class PidfdOwn(Held):
    """A process of the container by descriptor."""

    def __init__(self):
        self.child = subprocess.Popen(["sleep", "3600"])
        self.fd = os.pidfd_open(self.child.pid)

    def check(self):
        signal.pidfd_send_signal(self.fd, 0)
        return "held"


class PidfdDead(Held):
    def __init__(self):
        child = subprocess.Popen(["true"])
        self.fd = os.pidfd_open(child.pid)
        child.wait()


class Raw(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


class RawIp(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


class Ping(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)


class UdpLite(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136)


class Packet(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))


class Netlink(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.socket.bind((0, 1))


class NetlinkUnbound(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)


class NetlinkData(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.socket.bind((0, 0))
        self.socket.send(bytes.fromhex("14000000120001030100000000000000") + bytes(4))


class Vsock(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)


class Alg(Held):
    def __init__(self):
        self.socket = socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
        self.socket.bind(("hash", "sha256"))


class Mptcp(Held):
    """An MPTCP listener, as Go programs open by default."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
        self.socket.bind(("0.0.0.0", 7009))
        self.socket.listen()


class Hugetlb(Held):
    def __init__(self):
        self.memory = mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)
        self.memory[0] = 1


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


class NamespaceFile(Held):
    """A namespace by descriptor."""

    def __init__(self):
        self.fd = os.open("/proc/self/ns/net", os.O_RDONLY)


class ProcFile(Held):
    """A file of /proc of a process that is gone."""

    def __init__(self):
        child = subprocess.Popen(["sleep", "3600"])
        self.file = open(f"/proc/{child.pid}/status")
        child.kill()
        child.wait()


class ProcLive(Held):
    def __init__(self):
        self.file = open("/proc/self/status")
        self.other = open("/proc/meminfo")
        self.directory = os.open("/proc", os.O_RDONLY)


class SysFile(Held):
    def __init__(self):
        self.file = open("/sys/class/net/net1/mtu")


class Device(Held):
    """A character device that is more than zeros and nothing."""

    def __init__(self):
        self.fd = os.open(os.environ.get("FEATURE_DEVICE", "/dev/net/tun"), os.O_RDWR)


class PlainDevices(Held):
    def __init__(self):
        self.fds = [os.open(f"/dev/{name}", os.O_RDWR) for name in ("null", "zero", "full", "random", "urandom")]


class Terminal(Held):
    """A pseudo terminal of the container's own."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        self.child = subprocess.Popen(["sleep", "3600"], stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True)

    def check(self):
        os.write(self.slave, b"x")
        assert os.read(self.master, 1) == b"x"
        os.write(self.master, b"line\n")
        assert os.read(self.slave, 99) == b"line\n"
        os.read(self.master, 99)
        return "held"


class PosixQueue(Held):
    def __init__(self):
        self.fd = libc.call("mq_open", b"/feature", 0o102, 0o600, None)


class AsyncIo(Held):
    """A context of the old asynchronous input and output."""

    def __init__(self):
        self.context = ctypes.c_void_p()
        libc.syscall(206, 16, ctypes.byref(self.context))


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


class Lease(Held):
    """A lease on a file."""

    def __init__(self):
        self.file = open("/var/leased", "w+")
        import fcntl
        fcntl.fcntl(self.file, fcntl.F_SETLEASE, fcntl.F_WRLCK)


class ManyDescriptors(Held):
    def __init__(self):
        self.fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(900)]


class MountInside(Held):
    """A tmpfs that the program mounted itself."""

    def __init__(self):
        os.makedirs("/var/own", exist_ok=True)
        libc.call("mount", b"none", b"/var/own", b"tmpfs", 0, None)
        with open("/var/own/file", "w") as file:
            file.write("kept")

    def check(self):
        with open("/var/own/file") as file:
            assert file.read() == "kept"
        return "held"


class Busy(Held):
    """A vforked parent: waits until its child has become another program."""

    def __init__(self):
        self.child = subprocess.Popen(["sh", "-c", "sleep 3600"])
        time.sleep(0.1)
