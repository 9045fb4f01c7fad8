# Sets up features of the kernel inside one process tree and answers, over one TCP connection at a time, whether each
# still works. Usage: server.py PORT FEATURE... ; a line "FEATURE METHOD [ARGUMENT...]" is answered by {"ok": value} or
# {"fault": text}.
import json
import socket
import sys
import traceback

import attributes
import connections
import databases
import files
import locks
import memory
import names
import pipes
import refused
import tasks

MODULES = (attributes, connections, databases, files, locks, memory, names, pipes, refused, tasks)


def create(name):
    """The feature of class NAME, set up."""
    for module in MODULES:
        if hasattr(module, name):
            return getattr(module, name)()
    raise LookupError(f"no feature {name}")


def answer(features, line):
    name, method, *arguments = line.split()
    try:
        return {"ok": getattr(features[name], method)(*arguments)}
    except Exception:
        return {"fault": traceback.format_exc()}


def serve(port, features):
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rw") as lines:
                for line in lines:
                    lines.write(json.dumps(answer(features, line)) + "\n")
                    lines.flush()


if __name__ == "__main__":  # workers of multiprocessing import this file
    port, *chosen = sys.argv[1:]
    serve(int(port), {name: create(name) for name in chosen})
