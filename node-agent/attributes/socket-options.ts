// The options of sockets that can be read and set from outside. Left out are those that CRIU needs for itself (buffer
// sizes, repair), that name no setting (SO_INCOMING_CPU, TCP_QUICKACK change by themselves), or that cannot be read as
// they are set.

export interface SocketOption {
  level: number;
  option: number;
  bytes: number;
}

const levels = { socket: 1, ip: 0, ipv6: 41, tcp: 6, udp: 17, udpLite: 136, packet: 263, netlink: 270 };

function group(level: number, options: Readonly<Record<string, number>>, bytes = 4): Record<string, SocketOption> {
  return Object.fromEntries(Object.entries(options).map(([name, option]) => [name, { level, option, bytes }]));
}

/** By their names in the kernel's headers, in the order in which they are set. */
export const socketOptions: Readonly<Record<string, SocketOption>> = {
  ...group(levels.socket, {
    SO_REUSEADDR: 2,
    SO_DONTROUTE: 5,
    SO_BROADCAST: 6,
    SO_KEEPALIVE: 9,
    SO_OOBINLINE: 10,
    SO_NO_CHECK: 11,
    SO_PRIORITY: 12,
    SO_REUSEPORT: 15,
    SO_PASSCRED: 16,
    SO_RCVLOWAT: 18,
    SO_TIMESTAMP: 29,
    SO_PASSSEC: 34,
    SO_TIMESTAMPNS: 35,
    SO_MARK: 36,
    SO_RXQ_OVFL: 40,
    SO_PEEK_OFF: 42,
    SO_SELECT_ERR_QUEUE: 45,
    SO_BUSY_POLL: 46,
    SO_ZEROCOPY: 60,
    SO_TIMESTAMP_NEW: 63,
    SO_TIMESTAMPNS_NEW: 64,
    SO_PREFER_BUSY_POLL: 69,
    SO_BUSY_POLL_BUDGET: 70,
    SO_TXREHASH: 74,
    SO_RCVMARK: 75,
    SO_PASSPIDFD: 76,
    SO_RCVPRIORITY: 82,
    SO_PASSRIGHTS: 83,
  }),
  ...group(levels.socket, { SO_LINGER: 13, SO_TIMESTAMPING: 37, SO_MAX_PACING_RATE: 47, SO_TXTIME: 61 }, 8),
  ...group(levels.socket, { SO_RCVTIMEO: 20, SO_SNDTIMEO: 21 }, 16),
  ...group(levels.ip, {
    IP_TOS: 1,
    IP_TTL: 2,
    IP_RECVOPTS: 6,
    IP_RETOPTS: 7,
    IP_PKTINFO: 8,
    IP_MTU_DISCOVER: 10,
    IP_RECVERR: 11,
    IP_RECVTTL: 12,
    IP_RECVTOS: 13,
    IP_FREEBIND: 15,
    IP_PASSSEC: 18,
    IP_TRANSPARENT: 19,
    IP_ORIGDSTADDR: 20,
    IP_MINTTL: 21,
    IP_NODEFRAG: 22,
    IP_CHECKSUM: 23,
    IP_BIND_ADDRESS_NO_PORT: 24,
    IP_RECVFRAGSIZE: 25,
    IP_RECVERR_RFC4884: 26,
    IP_MULTICAST_IF: 32,
    IP_MULTICAST_TTL: 33,
    IP_MULTICAST_LOOP: 34,
    IP_MULTICAST_ALL: 49,
    IP_LOCAL_PORT_RANGE: 51,
  }),
  ...group(levels.ip, { IP_OPTIONS: 4 }, 40),
  ...group(levels.ipv6, {
    IPV6_UNICAST_HOPS: 16,
    IPV6_MULTICAST_IF: 17,
    IPV6_MULTICAST_HOPS: 18,
    IPV6_MULTICAST_LOOP: 19,
    IPV6_MTU_DISCOVER: 23,
    IPV6_RECVERR: 25,
    IPV6_MULTICAST_ALL: 29,
    IPV6_RECVERR_RFC4884: 31,
    IPV6_FLOWINFO_SEND: 33,
    IPV6_RECVPKTINFO: 49,
    IPV6_RECVHOPLIMIT: 51,
    IPV6_RECVHOPOPTS: 53,
    IPV6_RECVRTHDR: 56,
    IPV6_RECVDSTOPTS: 58,
    IPV6_RECVPATHMTU: 60,
    IPV6_DONTFRAG: 62,
    IPV6_RECVTCLASS: 66,
    IPV6_TCLASS: 67,
    IPV6_AUTOFLOWLABEL: 70,
    IPV6_ADDR_PREFERENCES: 72,
    IPV6_MINHOPCOUNT: 73,
    IPV6_ORIGDSTADDR: 74,
    IPV6_TRANSPARENT: 75,
    IPV6_RECVFRAGSIZE: 77,
    IPV6_FREEBIND: 78,
  }),
  ...group(levels.tcp, {
    TCP_NODELAY: 1,
    TCP_KEEPIDLE: 4,
    TCP_KEEPINTVL: 5,
    TCP_KEEPCNT: 6,
    TCP_SYNCNT: 7,
    TCP_LINGER2: 8,
    TCP_DEFER_ACCEPT: 9,
    TCP_WINDOW_CLAMP: 10,
    TCP_THIN_LINEAR_TIMEOUTS: 16,
    TCP_USER_TIMEOUT: 18,
    TCP_FASTOPEN: 23,
    TCP_NOTSENT_LOWAT: 25,
    TCP_SAVE_SYN: 27,
    TCP_FASTOPEN_NO_COOKIE: 34,
    TCP_INQ: 36,
    TCP_TX_DELAY: 37,
    TCP_RTO_MAX_MS: 44,
    TCP_RTO_MIN_US: 45,
    TCP_DELACK_MAX_US: 46,
  }),
  ...group(levels.tcp, { TCP_CONGESTION: 13 }, 16),
  ...group(levels.udp, { UDP_NO_CHECK6_TX: 101, UDP_NO_CHECK6_RX: 102, UDP_SEGMENT: 103, UDP_GRO: 104 }),
  ...group(levels.udpLite, { UDPLITE_SEND_CSCOV: 10, UDPLITE_RECV_CSCOV: 11 }),
  ...group(levels.packet, {
    PACKET_AUXDATA: 8,
    PACKET_ORIGDEV: 9,
    PACKET_LOSS: 14,
    PACKET_VNET_HDR: 15,
    PACKET_TIMESTAMP: 17,
    PACKET_QDISC_BYPASS: 20,
    PACKET_IGNORE_OUTGOING: 23,
  }),
  ...group(levels.netlink, {
    NETLINK_PKTINFO: 3,
    NETLINK_BROADCAST_ERROR: 4,
    NETLINK_NO_ENOBUFS: 5,
    NETLINK_CAP_ACK: 10,
    NETLINK_EXT_ACK: 11,
    NETLINK_GET_STRICT_CHK: 12,
  }),
};

/** Kept by connections, too, but without a meaning there: they refuse to be set. */
export const datagramsOnly: ReadonlySet<string> = new Set([
  'IP_MULTICAST_IF',
  'IP_MULTICAST_TTL',
  'IPV6_MULTICAST_IF',
  'IPV6_MULTICAST_HOPS',
]);
export const typeOption: SocketOption = { level: levels.socket, option: 3, bytes: 4 };
export const streamSocket = 1;
