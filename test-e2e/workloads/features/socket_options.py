# One socket of each kind, and every option that can be read back, with a value that is not the default.
import socket
import struct

SOCKET, IP, IPV6, TCP, UDP, PACKET, NETLINK = socket.SOL_SOCKET, 0, 41, 6, 17, 263, 270


def number(value):
    return struct.pack("i", value)


OPTIONS = {
    "SO_DONTROUTE": (SOCKET, 5, number(1)), "SO_BROADCAST": (SOCKET, 6, number(1)), "SO_SNDBUF": (SOCKET, 7, number(50000)), "SO_RCVBUF": (SOCKET, 8, number(60000)),
    "SO_KEEPALIVE": (SOCKET, 9, number(1)), "SO_OOBINLINE": (SOCKET, 10, number(1)), "SO_NO_CHECK": (SOCKET, 11, number(1)), "SO_PRIORITY": (SOCKET, 12, number(5)),
    "SO_LINGER": (SOCKET, 13, struct.pack("ii", 1, 17)), "SO_REUSEADDR": (SOCKET, 2, number(1)), "SO_REUSEPORT": (SOCKET, 15, number(1)), "SO_PASSCRED": (SOCKET, 16, number(1)),
    "SO_RCVLOWAT": (SOCKET, 18, number(2)), "SO_RCVTIMEO": (SOCKET, 20, struct.pack("ll", 5000, 0)), "SO_SNDTIMEO": (SOCKET, 21, struct.pack("ll", 6000, 0)),
    "SO_TIMESTAMP": (SOCKET, 29, number(1)), "SO_PASSSEC": (SOCKET, 34, number(1)), "SO_MARK": (SOCKET, 36, number(77)),
    "SO_TIMESTAMPING": (SOCKET, 37, struct.pack("ii", 0x18, 0)), "SO_RXQ_OVFL": (SOCKET, 40, number(1)), "SO_PEEK_OFF": (SOCKET, 42, number(0)),
    "SO_SELECT_ERR_QUEUE": (SOCKET, 45, number(1)), "SO_BUSY_POLL": (SOCKET, 46, number(50)), "SO_MAX_PACING_RATE": (SOCKET, 47, struct.pack("Q", 10_000_000)),
    "SO_ZEROCOPY": (SOCKET, 60, number(1)), "SO_TXTIME": (SOCKET, 61, struct.pack("iI", 1, 1)), "SO_PREFER_BUSY_POLL": (SOCKET, 69, number(1)),
    "SO_BUSY_POLL_BUDGET": (SOCKET, 70, number(16)), "SO_BUF_LOCK": (SOCKET, 72, number(3)), "SO_TXREHASH": (SOCKET, 74, number(0)),
    "SO_RCVMARK": (SOCKET, 75, number(1)), "SO_PASSPIDFD": (SOCKET, 76, number(1)), "SO_RCVPRIORITY": (SOCKET, 82, number(1)), "SO_PASSRIGHTS": (SOCKET, 83, number(0)),
    "IP_TOS": (IP, 1, number(0x10)), "IP_TTL": (IP, 2, number(33)), "IP_RECVOPTS": (IP, 6, number(1)), "IP_RETOPTS": (IP, 7, number(1)), "IP_PKTINFO": (IP, 8, number(1)),
    "IP_MTU_DISCOVER": (IP, 10, number(0)), "IP_RECVERR": (IP, 11, number(1)), "IP_RECVTTL": (IP, 12, number(1)), "IP_RECVTOS": (IP, 13, number(1)),
    "IP_FREEBIND": (IP, 15, number(1)), "IP_TRANSPARENT": (IP, 19, number(1)), "IP_ORIGDSTADDR": (IP, 20, number(1)), "IP_MINTTL": (IP, 21, number(3)),
    "IP_NODEFRAG": (IP, 22, number(1)), "IP_CHECKSUM": (IP, 23, number(1)), "IP_BIND_ADDRESS_NO_PORT": (IP, 24, number(1)), "IP_RECVFRAGSIZE": (IP, 25, number(1)),
    "IP_RECVERR_RFC4884": (IP, 26, number(1)), "IP_MULTICAST_TTL": (IP, 33, number(9)), "IP_MULTICAST_LOOP": (IP, 34, number(0)), "IP_MULTICAST_ALL": (IP, 49, number(0)),
    "IP_LOCAL_PORT_RANGE": (IP, 51, struct.pack("I", 50000 << 16 | 40000)),
    "IPV6_UNICAST_HOPS": (IPV6, 16, number(44)), "IPV6_MULTICAST_HOPS": (IPV6, 18, number(7)), "IPV6_MULTICAST_LOOP": (IPV6, 19, number(0)), "IPV6_MTU_DISCOVER": (IPV6, 23, number(0)),
    "IPV6_RECVERR": (IPV6, 25, number(1)), "IPV6_V6ONLY": (IPV6, 26, number(1)), "IPV6_MULTICAST_ALL": (IPV6, 29, number(0)), "IPV6_RECVERR_RFC4884": (IPV6, 31, number(1)),
    "IPV6_FLOWINFO_SEND": (IPV6, 33, number(1)), "IPV6_RECVPKTINFO": (IPV6, 49, number(1)), "IPV6_RECVHOPLIMIT": (IPV6, 51, number(1)), "IPV6_RECVHOPOPTS": (IPV6, 53, number(1)),
    "IPV6_RECVRTHDR": (IPV6, 56, number(1)), "IPV6_RECVDSTOPTS": (IPV6, 58, number(1)), "IPV6_RECVPATHMTU": (IPV6, 60, number(1)), "IPV6_DONTFRAG": (IPV6, 62, number(1)),
    "IPV6_RECVTCLASS": (IPV6, 66, number(1)), "IPV6_TCLASS": (IPV6, 67, number(0x20)), "IPV6_AUTOFLOWLABEL": (IPV6, 70, number(0)), "IPV6_ADDR_PREFERENCES": (IPV6, 72, number(0x0002)),
    "IPV6_MINHOPCOUNT": (IPV6, 73, number(4)), "IPV6_ORIGDSTADDR": (IPV6, 74, number(1)), "IPV6_TRANSPARENT": (IPV6, 75, number(1)),
    "IPV6_RECVFRAGSIZE": (IPV6, 77, number(1)), "IPV6_FREEBIND": (IPV6, 78, number(1)),
    "TCP_NODELAY": (TCP, 1, number(1)), "TCP_KEEPIDLE": (TCP, 4, number(111)), "TCP_KEEPINTVL": (TCP, 5, number(22)), "TCP_KEEPCNT": (TCP, 6, number(5)),
    "TCP_SYNCNT": (TCP, 7, number(3)), "TCP_LINGER2": (TCP, 8, number(13)), "TCP_DEFER_ACCEPT": (TCP, 9, number(10)), "TCP_WINDOW_CLAMP": (TCP, 10, number(20000)),
    "TCP_CONGESTION": (TCP, 13, b"reno".ljust(16, b"\0")), "TCP_THIN_LINEAR_TIMEOUTS": (TCP, 16, number(1)), "TCP_USER_TIMEOUT": (TCP, 18, number(54321)),
    "TCP_FASTOPEN": (TCP, 23, number(7)), "TCP_NOTSENT_LOWAT": (TCP, 25, number(16384)), "TCP_SAVE_SYN": (TCP, 27, number(1)),
    "TCP_FASTOPEN_NO_COOKIE": (TCP, 34, number(1)), "TCP_INQ": (TCP, 36, number(1)), "TCP_TX_DELAY": (TCP, 37, number(5)), "TCP_RTO_MAX_MS": (TCP, 44, number(60000)),
    "TCP_RTO_MIN_US": (TCP, 45, number(150000)), "TCP_DELACK_MAX_US": (TCP, 46, number(30000)),
    "UDP_NO_CHECK6_TX": (UDP, 101, number(1)), "UDP_NO_CHECK6_RX": (UDP, 102, number(1)), "UDP_SEGMENT": (UDP, 103, number(1200)), "UDP_GRO": (UDP, 104, number(1)),
    "UDPLITE_SEND_CSCOV": (136, 10, number(20)), "UDPLITE_RECV_CSCOV": (136, 11, number(20)),
    "PACKET_AUXDATA": (PACKET, 8, number(1)), "PACKET_ORIGDEV": (PACKET, 9, number(1)), "PACKET_LOSS": (PACKET, 14, number(1)), "PACKET_VNET_HDR": (PACKET, 15, number(1)),
    "PACKET_TIMESTAMP": (PACKET, 17, number(1)), "PACKET_QDISC_BYPASS": (PACKET, 20, number(1)), "PACKET_IGNORE_OUTGOING": (PACKET, 23, number(1)),
    "NETLINK_PKTINFO": (NETLINK, 3, number(1)), "NETLINK_BROADCAST_ERROR": (NETLINK, 4, number(1)), "NETLINK_NO_ENOBUFS": (NETLINK, 5, number(1)),
    "NETLINK_CAP_ACK": (NETLINK, 10, number(1)), "NETLINK_EXT_ACK": (NETLINK, 11, number(1)), "NETLINK_GET_STRICT_CHK": (NETLINK, 12, number(1)),
}


def listener(family):
    one = socket.socket(family)
    one.bind(("", 0))
    one.listen(7)
    return one


def connected(family):
    with listener(family) as accepting:
        one = socket.socket(family)
        one.connect(("127.0.0.1" if family == socket.AF_INET else "::1", accepting.getsockname()[1]))
        return one, accepting.accept()[0]


def bound(family, kind, protocol=0):
    one = socket.socket(family, kind, protocol)
    one.bind(("", 0))
    return one


def sockets():
    """By their kinds; the other ends of connections keep their defaults."""
    made = {
        "listener": listener(socket.AF_INET), "listener6": listener(socket.AF_INET6), "fresh": socket.socket(socket.AF_INET), "udp": bound(socket.AF_INET, socket.SOCK_DGRAM),
        "udp6": bound(socket.AF_INET6, socket.SOCK_DGRAM), "udp lite": bound(socket.AF_INET, socket.SOCK_DGRAM, 136),
        "raw": socket.socket(socket.AF_INET, socket.SOCK_RAW, 1), "packet": socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0), "netlink": socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    }
    made["netlink"].bind((0, 1))
    made["connection"], made["default connection"] = connected(socket.AF_INET)
    made["connection6"], made["default connection6"] = connected(socket.AF_INET6)
    made["unix"], made["default unix"] = socket.socketpair()
    made["unix datagrams"], made["default unix datagrams"] = socket.socketpair(type=socket.SOCK_DGRAM)
    return made


