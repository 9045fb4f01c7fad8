# The few system calls that Python does not offer; each raises OSError when the kernel refuses.
import ctypes
import os

library = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result == -1 or result == ctypes.c_void_p(-1).value:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def call(name, *arguments):
    """A function of libc; integers are passed as long, bytes as pointers."""
    function = getattr(library, name)
    function.restype = ctypes.c_long
    return check(function(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))


def syscall(number, *arguments):
    return call("syscall", number, *arguments)
