# Files that are open or mapped by a name that was removed, while another name of theirs remains.
import ctypes
import multiprocessing
import os

import libc


class OtherName:
    """An open file whose first name was removed; the second is the same file, and nothing else ever lies beside it."""

    directory = "/var/names"

    def __init__(self):
        os.makedirs(self.directory, exist_ok=True)
        self.file = open(f"{self.directory}/first", "w+b", buffering=0)
        os.link(f"{self.directory}/first", f"{self.directory}/second")
        os.unlink(f"{self.directory}/first")
        self.size = 0

    def check(self):
        assert os.listdir(self.directory) == ["second"], os.listdir(self.directory)
        self.file.write(b".")
        self.size += 1
        second = os.stat(f"{self.directory}/second")
        assert second.st_size == self.size and second.st_nlink == 1, second
        assert os.fstat(self.file.fileno()).st_ino == second.st_ino


class OtherNameInMemory(OtherName):
    directory = "/dev/shm/names"


class OtherNameOnMount(OtherName):
    directory = "/data/names"


class OtherNameInGoneDirectory(OtherName):
    """The first name's directory is gone, too."""

    directory = "/var/kept-names"

    def __init__(self):
        os.makedirs(self.directory)
        os.makedirs("/var/gone-names/deeper")
        self.file = open("/var/gone-names/deeper/first", "w+b", buffering=0)
        os.link("/var/gone-names/deeper/first", f"{self.directory}/second")
        os.unlink("/var/gone-names/deeper/first")
        os.rmdir("/var/gone-names/deeper")
        os.rmdir("/var/gone-names")
        self.size = 0

    def check(self):
        super().check()
        assert not [name for name in os.listdir("/var") if name.startswith("link_remap")], os.listdir("/var")


class ReusedName(OtherName):
    """Another file has taken the first name."""

    directory = "/var/reused-names"

    def __init__(self):
        super().__init__()
        with open(f"{self.directory}/first", "wb") as other:
            other.write(b"another")

    def check(self):
        names = sorted(os.listdir(self.directory))
        assert names == ["first", "second"], names
        with open(f"{self.directory}/first", "rb") as other:
            assert other.read() == b"another"
        self.file.write(b".")
        self.size += 1
        assert os.stat(f"{self.directory}/second").st_size == self.size


class NamedSemaphore:
    """A POSIX semaphore that keeps its name: libc maps it by a name that it removes at once."""

    def __init__(self):
        libc.library.sem_open.restype = ctypes.c_void_p
        self.semaphore = ctypes.c_void_p(libc.library.sem_open(b"/stays", os.O_CREAT, 0o600, 3))

    def check(self):
        value = ctypes.c_int()
        for change in ("sem_wait", "sem_post"):
            libc.call(change, self.semaphore)
        libc.call("sem_getvalue", self.semaphore, ctypes.byref(value))
        assert value.value == 3, value.value
        again = ctypes.c_void_p(libc.library.sem_open(b"/stays", 0))
        libc.call("sem_wait", again)
        libc.call("sem_getvalue", self.semaphore, ctypes.byref(value))
        libc.call("sem_post", again)
        assert value.value == 2, "the name is another semaphore"
        strange = [name for name in os.listdir("/dev/shm") if name.startswith("link_remap")]
        assert not strange, strange


class Multiprocessing:
    """Workers behind queues and a lock, as Python's multiprocessing makes them by default."""

    def __init__(self):
        context = multiprocessing.get_context()
        self.questions, self.answers, self.lock = context.Queue(), context.Queue(), context.Lock()
        self.total = context.Value("q", 0)
        self.asked = 0
        self.workers = [context.Process(target=work, args=(self.questions, self.answers, self.lock, self.total), daemon=True) for _ in range(3)]
        for worker in self.workers:
            worker.start()

    def check(self):
        for _ in range(10):
            self.asked += 1
            self.questions.put(self.asked)
            assert self.answers.get(timeout=20) == self.asked + 1
        assert self.total.value == self.asked
        assert all(worker.is_alive() for worker in self.workers)


class ForkedWorkers(Multiprocessing):
    """The same with forked workers: their semaphores have no name left."""

    def __init__(self):
        multiprocessing.set_start_method("fork", force=True)
        super().__init__()


def work(questions, answers, lock, total):
    while True:
        number = questions.get()
        with lock:
            total.value += 1
        answers.put(number + 1)
