# Sockets of the network, in the states a program may leave them in.
import errno
import os
import select
import socket
import threading


class Udp:
    """A bound socket that counts the datagrams it got."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("0.0.0.0", 5300))
        self.received = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            data, sender = self.socket.recvfrom(2048)
            self.received.append(data.decode())
            self.socket.sendto(b"answer " + data, sender)

    def check(self):
        return self.received


class GoListener:
    """What Go does to listen: it asks for MPTCP, and takes TCP where that is switched off."""

    multipath = 262

    def listen(self):
        try:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, self.multipath)
        except OSError as error:
            assert error.errno in (errno.ENOPROTOOPT, errno.EPROTONOSUPPORT, errno.EINVAL), error
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        return listener

    def __init__(self):
        self.listeners = [self.listen()]

    def check(self):
        """Listeners of before still listen, and one more is opened, that moves next time."""
        self.listeners.append(self.listen())
        for listener in self.listeners:
            client = socket.create_connection(listener.getsockname(), 2)
            connection, _ = listener.accept()
            connection.send(b"hello")
            assert client.recv(5) == b"hello"


class UdpConnected:
    """Two datagram sockets of the container, connected to each other."""

    def __init__(self):
        self.one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.one.bind(("127.0.0.1", 5301))
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.other.connect(("127.0.0.1", 5301))

    def check(self):
        self.other.send(b"ping")
        data, sender = self.one.recvfrom(9)
        assert (data, sender) == (b"ping", self.other.getsockname())


class Loopback:
    """Both ends of a TCP connection inside the container, with data on its way in both directions; one over IPv6."""

    def __init__(self):
        self.pairs = [self.pair("127.0.0.1", socket.AF_INET), self.pair("::1", socket.AF_INET6)]
        self.send()

    @staticmethod
    def pair(address, family):
        with socket.create_server((address, 0), family=family) as listener:
            client = socket.create_connection(listener.getsockname()[:2])
            return client, listener.accept()[0]

    def send(self):
        for one, other in self.pairs:
            one.sendall(b"there" * 2000)
            other.sendall(b"back" * 2000)

    def check(self):
        for one, other in self.pairs:
            one.settimeout(10)
            other.settimeout(10)
            assert other.recv(10000, socket.MSG_WAITALL) == b"there" * 2000
            assert one.recv(8000, socket.MSG_WAITALL) == b"back" * 2000
        self.send()


class HalfClosed:
    """Connections inside the container of which one end has said that it is done."""

    def __init__(self):
        self.one, self.other = Loopback.pair("127.0.0.1", socket.AF_INET)
        self.one.sendall(b"last words")
        self.one.shutdown(socket.SHUT_WR)

    def check(self):
        assert self.other.recv(10, socket.MSG_PEEK) == b"last words"
        self.other.sendall(b".")
        assert self.one.recv(1) == b"."


class Accepting:
    """Accepts connections at once and greets each; echoes what it gets."""

    family, port = socket.AF_INET, 7001

    def __init__(self):
        self.listener = socket.create_server(("", self.port), family=self.family, backlog=4096)
        self.accepted = 0
        self.broken = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        poll = select.epoll()
        poll.register(self.listener, select.EPOLLIN)
        connections = {}
        while True:
            for fd, _ in poll.poll():
                if fd == self.listener.fileno():
                    connection, _ = self.listener.accept()
                    self.accepted += 1
                    connections[connection.fileno()] = connection
                    poll.register(connection, select.EPOLLIN)
                    connection.sendall(b"hello\n")
                elif data := self.received(connections[fd]):
                    connections[fd].sendall(data)
                else:
                    poll.unregister(fd)
                    connections.pop(fd).close()

    def received(self, connection):
        try:
            return connection.recv(65536)
        except ConnectionError:
            self.broken += 1
            return b""

    def check(self):
        return {"accepted": self.accepted, "broken": self.broken}


class NeverAccepting:
    """Listens and never accepts."""

    def __init__(self):
        self.listener = socket.create_server(("0.0.0.0", 7002), backlog=16)

    def check(self):
        self.listener.setblocking(False)
        self.listener.accept()[0].close()


class Connecting:
    """Connects to silent.py on the client host, which never answers."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex((os.environ["FEATURE_CLIENT"], 7003))

    def check(self):
        _, writable, _ = select.select([], [self.socket], [], 0)
        assert writable == [], self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


class Options:
    """Options that a program set on a connection are the same afterwards."""

    options = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77),
               (socket.SOL_SOCKET, socket.SO_RCVBUF, 30000))

    def __init__(self):
        self.one, self.other = Loopback.pair("127.0.0.1", socket.AF_INET)
        for level, name, value in self.options:
            self.one.setsockopt(level, name, value)
        self.before = self.read()

    def read(self):
        return [self.one.getsockopt(level, name) for level, name, _ in self.options]

    def check(self):
        assert self.read() == self.before, (self.before, self.read())


class OtherFamilies:
    """Raw, packet, UDP-Lite and netlink sockets; the netlink ones answer."""

    def __init__(self):
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.any_protocol = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.lite = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136)
        self.packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.fresh = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.listener.bind((0, 1))

    def check(self):
        self.raw.setblocking(False)
        for netlink in (self.fresh, self.listener):
            netlink.send(bytes.fromhex("14000000120001030100000000000000") + bytes(4))  # RTM_GETLINK, dump
            data = b""
            while b"net1" not in data:
                data = netlink.recv(65536)
            while int.from_bytes(data[4:6], "little") != 3:  # NLMSG_DONE
                data = netlink.recv(65536)


class Dual(Accepting):
    """The same over IPv6, and tells the address of an interface."""

    family, port = socket.AF_INET6, 7003

    def address(self, interface):
        with open("/proc/net/if_inet6") as table:
            rows = [line.split() for line in table]
        return next(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(row[0])) for row in rows if row[5] == interface and row[3] == "00")


class Bound:
    """Sockets bound to an address that is given later: a listener, and datagrams with and without a peer."""

    def bind(self, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 7010), family=family)
        self.unconnected = socket.socket(family, socket.SOCK_DGRAM)
        self.unconnected.bind((address, 5310))
        self.connected = socket.socket(family, socket.SOCK_DGRAM)
        self.connected.bind((address, 0))
        self.connected.connect((address, 5311))

    def check(self):
        self.listener.getsockname()
        self.unconnected.getsockname()

    def receive(self):
        """What a program gets that waits at its connected socket."""
        self.connected.settimeout(5)
        try:
            return self.connected.recv(16).decode()
        except OSError as error:
            return errno.errorcode[error.errno]
