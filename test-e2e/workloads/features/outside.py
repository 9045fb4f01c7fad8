# A service of the host: answers on unix sockets in the folder that is its argument, and hands out an open file of the
# host.
import os
import select
import socket
import sys

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)


def bound(name, kind):
    path = os.path.join(folder, name)
    if os.path.exists(path):
        os.unlink(path)
    server = socket.socket(socket.AF_UNIX, kind)
    server.bind(path)
    return server


service = bound("service.sock", socket.SOCK_STREAM)
descriptors = bound("descriptors.sock", socket.SOCK_STREAM)
log = bound("log.sock", socket.SOCK_DGRAM)
service.listen()
descriptors.listen()
connections = []
while True:
    for ready in select.select([service, descriptors, log, *connections], [], [])[0]:
        if ready is service:
            connections.append(service.accept()[0])
        elif ready is log:
            log.recv(9999)
        elif ready is descriptors:
            connection = descriptors.accept()[0]
            with open("/var/lib/godwit/of-the-host", "w+") as file:
                socket.send_fds(connection, [b"."], [file.fileno()])
        elif data := ready.recv(99):
            ready.sendall(data)
        else:
            connections.remove(ready)
