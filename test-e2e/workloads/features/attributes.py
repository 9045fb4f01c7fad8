# Everything that the kernel keeps for processes, threads, descriptors and sockets and that can be read back, set to
# values that are not the default.
import ctypes
import fcntl
import os
import resource
import select
import signal
import socket
import struct
import threading

from libc import call, syscall
from socket_options import OPTIONS, sockets

PRCTLS = {  # name: number to set, value, number to get; None: it answers with its value
    "pdeathsig": (1, signal.SIGUSR2, 2), "dumpable": (4, 0, 3), "keep capabilities": (8, 1, 7), "timer slack": (29, 123456, 30), "memory failures": (33, 1, 34),
    "subreaper": (36, 1, 37), "no huge pages": (41, 1, 42), "io flusher": (57, 1, 58), "merging": (67, 1, 68), "no new privileges": (38, 1, 39),
}
BY_POINTER = {"pdeathsig", "subreaper"}
SPECULATION = {"store bypass": 0, "indirect branch": 1}


def prctl(name):
    set_by, value, get_by = PRCTLS[name]
    if name in BY_POINTER:
        got = ctypes.c_int(0)
        call("prctl", get_by, ctypes.addressof(got), 0, 0, 0)
        return got.value
    return call("prctl", get_by, 0, 0, 0, 0)


def set_prctl(name):
    number, value, _ = PRCTLS[name]
    if name == "memory failures":
        return call("prctl", number, 1, 1, 0, 0)
    return call("prctl", number, int(value), 0, 0, 0)


def attempt(what):
    """What it returns, or the name of the error: both are facts that a move must not change."""
    try:
        return what()
    except OSError as error:
        return f"errno {error.errno}"


def scheduling():
    buffer = ctypes.create_string_buffer(56)
    syscall(315, 0, ctypes.addressof(buffer), 56, 0)
    size, policy, flags, nice, priority, runtime, deadline, period, least, most = struct.unpack("IIQiIQQQII", buffer.raw)
    return {"policy": policy, "flags": flags, "nice": nice, "priority": priority, "slice": runtime, "utilization": [least, most]}


def status_of(path):
    with open(path) as lines:
        pairs = (line.rstrip("\n").split(":", 1) for line in lines)
        return {key: value.strip() for key, value in pairs if not key.startswith(("Vm", "Rss", "voluntary", "nonvoluntary", "Hugetlb", "State", "FDSize", "SigQ"))}


def file_of(path):
    with open(path) as file:
        return file.read()


class Attributes:
    """Reads all of them; who asks compares."""

    def __init__(self):
        self.faults = {}
        self.sockets = sockets()
        self.set_sockets()
        self.set_descriptors()
        self.set_further()
        self.ready, self.questions, self.answers = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self.other_thread, daemon=True).start()
        self.ready.wait()
        self.set_process()

    def note(self, what, action):
        try:
            action()
        except OSError as error:
            self.faults[what] = str(error)

    def set_sockets(self):
        for kind, one in self.sockets.items():
            if kind.startswith("default"):
                continue
            for name, (level, number, value) in OPTIONS.items():
                try:
                    one.setsockopt(level, number, value)
                except OSError as error:
                    self.faults[f"{kind} {name}"] = str(error)

    def set_descriptors(self):
        self.event = os.eventfd(3, os.EFD_NONBLOCK)
        self.pipe = os.pipe()
        fcntl.fcntl(self.pipe[1], fcntl.F_SETPIPE_SZ, 65536 * 4)
        fcntl.fcntl(self.pipe[0], fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
        fcntl.fcntl(self.pipe[0], fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self.pipe[0], fcntl.F_SETSIG, signal.SIGURG)
        self.memfd = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
        os.ftruncate(self.memfd, 4096)
        fcntl.fcntl(self.memfd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        self.file = os.open("/var/attributes", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOATIME | os.O_DSYNC, 0o640)
        self.path = os.open("/etc", os.O_PATH | os.O_DIRECTORY)
        self.epoll = select.epoll()
        self.epoll.register(self.pipe[0], select.EPOLLIN | select.EPOLLET | select.EPOLLONESHOT)

    def set_further(self):
        udp, netlink = self.sockets["udp"], self.sockets["netlink"]
        accept_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xffffffff))
        self.note("filter", lambda: udp.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxQ", 1, ctypes.addressof(accept_all))))
        self.note("member", lambda: udp.setsockopt(0, 35, socket.inet_aton("239.1.2.3") + socket.inet_aton("127.0.0.1")))
        self.note("interface", lambda: udp.setsockopt(0, 32, socket.inet_aton("127.0.0.1")))
        self.note("options", lambda: udp.setsockopt(0, 4, bytes([1, 1, 1, 0])))
        self.note("membership", lambda: netlink.setsockopt(270, 1, 5))
        self.note("device", lambda: self.sockets["raw"].setsockopt(socket.SOL_SOCKET, 25, b"lo"))
        self.note("upper protocol", lambda: self.sockets["default connection6"].setsockopt(6, 31, b"tls"))
        self.note("key", lambda: syscall(248, b"user", b"godwit", b"value", 5, -2))
        self.note("new memory", lambda: call("mlockall", 6))

    def read_further(self):
        udp, netlink = self.sockets["udp"], self.sockets["netlink"]
        return {
            "filter": attempt(lambda: len(udp.getsockopt(socket.SOL_SOCKET, 26, 8))), "member": "030201EF" in file_of("/proc/net/igmp"),
            "interface": attempt(lambda: udp.getsockopt(0, 32, 4).hex()), "options": attempt(lambda: udp.getsockopt(0, 4, 40).hex()),
            "membership": attempt(lambda: netlink.getsockopt(270, 9, 8).hex()), "device": attempt(lambda: self.sockets["raw"].getsockopt(socket.SOL_SOCKET, 25, 16).hex()),
            "upper protocol": attempt(lambda: self.sockets["default connection6"].getsockopt(6, 31, 16).hex()),
            "credentials": attempt(lambda: self.sockets["unix"].getsockopt(socket.SOL_SOCKET, 17, 12).hex()),
            "key": attempt(lambda: syscall(250, 10, -2, b"user", b"godwit", 0) > 0),
            "new memory": self.locks_new_memory(),
        }

    def locks_new_memory(self):
        self.region, kept = call("mmap", 0, 4096, 3, 0x22, -1, 0), self.region
        try:
            return "lo" in (self.flags_of_mapping() or [])
        finally:
            call("munmap", self.region, 4096)
            self.region = kept

    def set_process(self):
        self.note("umask", lambda: os.umask(0o027))
        self.note("groups", lambda: os.setgroups([1, 7, 12345]))
        self.note("limit", lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        self.note("files", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (333, 1000)))
        self.note("personality", lambda: call("personality", 0x0040000))
        self.note("coredump filter", lambda: open("/proc/self/coredump_filter", "w").write("0x7f"))
        self.note("out of memory", lambda: open("/proc/self/oom_score_adj", "w").write("500"))
        self.note("autogroup", lambda: open("/proc/self/autogroup", "w").write("5"))
        self.note("secure bits", lambda: call("prctl", 28, 0x2, 0, 0, 0))
        self.note("membarrier", lambda: syscall(324, 1 << 4, 0, 0))
        for kind in SPECULATION:
            self.note(f"speculation {kind}", lambda: call("prctl", 53, SPECULATION[kind], 4, 0, 0))
        for name in PRCTLS:
            self.note(f"prctl {name}", lambda: set_prctl(name))
        self.set_thread(nice=3, policy=os.SCHED_BATCH, io_class=2, io_level=6)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
        signal.setitimer(signal.ITIMER_VIRTUAL, 5000, 77)
        signal.alarm(100000)
        self.region = call("mmap", 0, 65536, 3, 0x22, -1, 0)
        self.note("locked", lambda: call("mlock", self.region, 65536))
        self.note("memory policy", lambda: syscall(238, 1, (1).to_bytes(8, "little"), 64))
        self.note("no dump", lambda: call("madvise", self.region, 65536, 16))

    def set_thread(self, nice, policy, io_class, io_level):
        self.note("affinity", lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}))
        self.note("nice", lambda: os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice))
        self.note("policy", lambda: os.sched_setscheduler(0, policy | os.SCHED_RESET_ON_FORK, os.sched_param(0)))
        self.note("io priority", lambda: syscall(251, 1, 0, io_class << 13 | io_level))

    def other_thread(self):
        self.set_thread(nice=5, policy=os.SCHED_IDLE, io_class=3, io_level=0)
        self.note("slack of the thread", lambda: call("prctl", 29, 654321, 0, 0, 0))
        self.note("name of the thread", lambda: call("prctl", 15, b"other one", 0, 0, 0))
        self.ready.set()
        while True:
            self.questions.acquire()
            self.of_thread = self.read_thread()
            self.answers.release()

    def read_thread(self):
        return {
            "affinity": attempt(lambda: sorted(os.sched_getaffinity(0))), "io priority": attempt(lambda: syscall(252, 1, 0)), "timer slack": attempt(lambda: prctl("timer slack")),
            "scheduling": attempt(scheduling), "status": status_of(f"/proc/self/task/{threading.get_native_id()}/status"),
            "speculation": {kind: attempt(lambda: call("prctl", 52, number, 0, 0, 0)) for kind, number in SPECULATION.items()},
            "cgroups": file_of(f"/proc/self/task/{threading.get_native_id()}/cgroup"),
        }

    def read_process(self):
        return {
            "prctl": {name: attempt(lambda: prctl(name)) for name in PRCTLS}, "secure bits": attempt(lambda: call("prctl", 27, 0, 0, 0, 0)),
            "personality": call("personality", 0xffffffff), "limits": file_of("/proc/self/limits"),
            **{name: attempt(lambda: file_of(f"/proc/self/{name}")) for name in ("coredump_filter", "oom_score_adj", "autogroup", "comm", "cmdline", "environ", "loginuid", "setgroups", "uid_map")},
            "auxiliary vector": self.auxiliary_vector(), "executable": os.readlink("/proc/self/exe"), "directory": os.getcwd(),
            "membarrier": attempt(lambda: syscall(324, 1 << 3, 0, 0)), "interval": signal.getitimer(signal.ITIMER_VIRTUAL)[1],
            "alarm": 0 < signal.getitimer(signal.ITIMER_REAL)[0], "session": os.getsid(0), "group": os.getpgid(0),
            "mapping": self.flags_of_mapping(), "propagation": self.propagation(), "memory policy": self.policy(),
        }

    def auxiliary_vector(self):
        with open("/proc/self/auxv", "rb") as file:
            words = struct.iter_unpack("QQ", file.read())
            return {str(key): value for key, value in words if key != 33}

    def flags_of_mapping(self):
        start = f"{self.region:x}-"
        found = False
        with open("/proc/self/smaps") as lines:
            for line in lines:
                found = found or (line.startswith(start) or "-" in line.split()[0] and self.lies_in(line.split()[0]))
                if found and line.startswith("VmFlags:"):
                    return line.split()[1:]

    def lies_in(self, span):
        try:
            start, end = (int(address, 16) for address in span.split("-"))
        except ValueError:
            return False
        return start <= self.region < end

    def propagation(self):
        with open("/proc/self/mountinfo") as lines:
            return {fields[4]: [fields[5], *(word.split(":")[0] for word in fields[6:fields.index("-")])] for fields in map(str.split, lines)}

    def policy(self):
        mode = ctypes.c_int(-1)
        syscall(239, ctypes.addressof(mode), 0, 0, 0, 0)
        return mode.value

    def read_descriptors(self):
        names = {"event": self.event, "pipe read": self.pipe[0], "pipe write": self.pipe[1],
                 "memfd": self.memfd, "file": self.file, "path": self.path, "epoll": self.epoll.fileno()}
        drop = ("mnt_id", "ino", "eventfd-id")
        return {
            **{f"{name} info": [line for line in file_of(f"/proc/self/fdinfo/{fd}").splitlines() if not line.startswith(drop)] for name, fd in names.items() if name != "epoll"},
            "close on exec": {name: fcntl.fcntl(fd, fcntl.F_GETFD) for name, fd in names.items()},
            "pipe size": fcntl.fcntl(self.pipe[0], fcntl.F_GETPIPE_SZ), "owner": fcntl.fcntl(self.pipe[0], fcntl.F_GETOWN) == os.getpid(),
            "signal": fcntl.fcntl(self.pipe[0], fcntl.F_GETSIG), "seals": fcntl.fcntl(self.memfd, fcntl.F_GET_SEALS),
        }

    def read_sockets(self):
        return {kind: {name: attempt(lambda: one.getsockopt(level, number, len(value)).hex()) for name, (level, number, value) in OPTIONS.items()} for kind, one in self.sockets.items()}

    def check(self):
        return self.faults

    def read(self):
        self.questions.release()
        self.answers.acquire()
        return {"process": self.read_process(), "thread": self.read_thread(), "other thread": self.of_thread, "descriptors": self.read_descriptors(),
                "sockets": self.read_sockets(), "further": self.read_further()}
