# What multiprocessing makes of named semaphores under `fork`, one that stays open by name, and files whose first name
# is gone.
import ctypes
import multiprocessing
import os
import sys

from answers import serve

LIMIT_S = 60


class Named:
    """sem_open, and the name stays."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.sem_open.restype = ctypes.c_void_p
        self.semaphore = ctypes.c_void_p(self.libc.sem_open(b"/zoo", os.O_CREAT, 0o600, 3))
        assert self.semaphore.value

    def check(self):
        value = ctypes.c_int()
        self.libc.sem_wait(self.semaphore)
        self.libc.sem_getvalue(self.semaphore, ctypes.byref(value))
        self.libc.sem_post(self.semaphore)
        assert value.value == 2, value.value


class Queues:
    """Workers that take from one queue and put into another, counting under a lock."""

    def __init__(self):
        context = multiprocessing.get_context("fork")
        self.todo, self.done, self.lock, self.count = context.Queue(), context.Queue(), context.Lock(), context.Value("q", 0)
        self.asked = 0
        for _ in range(3):
            context.Process(target=self.work, daemon=True).start()

    def work(self):
        while True:
            number = self.todo.get()
            with self.lock:
                self.count.value += 1
            self.done.put(number + 1)

    def check(self):
        self.asked += 1
        self.todo.put(self.asked)
        found = self.done.get(timeout=LIMIT_S)
        assert (found, self.count.value) == (self.asked + 1, self.asked), (found, self.count.value, self.asked)


class FormerName:
    """A file that is open by a name that was removed, while another one remains."""

    def __init__(self, directory):
        os.makedirs(directory)
        self.first, self.other = f"{directory}/first", f"{directory}/other"
        self.file = open(self.first, "wb", buffering=0)
        os.link(self.first, self.other)
        os.unlink(self.first)

    def check(self):
        self.file.write(b".")
        assert os.listdir(os.path.dirname(self.other)) == ["other"]
        assert os.path.getsize(self.other) == self.file.tell()


held = [Queues(), Named(), FormerName("/tmp/former"), FormerName("/dev/shm/former")]
serve(int(sys.argv[1]), lambda: [one.check() for one in held])
