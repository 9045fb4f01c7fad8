// What CRIU says when it cannot dump, and what can be done about it.

interface Remedy {
  /** Of a line in CRIU's log. */
  says: RegExp;
  remedy: string;
}

const remedies: readonly Remedy[] = [
  {
    says: /rlimit/i,
    remedy:
      "CRIU on this node may not read the limits of other users' processes: give the agent CAP_SYS_RESOURCE (`godwit doctor` checks it).",
  },
  {
    says: /link.?remap|Can't create link/i,
    remedy:
      'The program holds a file whose name is gone while another name is left, as a named semaphore of /dev/shm: close it before the move.',
  },
  {
    says: /remote_mprotect|mprotect|parasite|compel|Can't infect|syscall in the victim/i,
    remedy:
      'CRIU cannot work in the program: look for shared executable memory, as of a JIT (for PHP `opcache.jit_buffer_size=0`), and for a seccomp profile that denies mmap, mprotect or ptrace.',
  },
  { says: /io_uring|io.uring/i, remedy: 'Deny io_uring by seccomp, or turn it off in the program.' },
  {
    says: /packet(?:ized)? (?:mode|pipe)|O_DIRECT/i,
    remedy: 'A pipe is in packet mode (O_DIRECT): use an ordinary pipe, or a socket pair of type SOCK_SEQPACKET.',
  },
  {
    says: /(?:Unsupported|Unknown) (?:proto|socket)|Can't dump socket|socket family|proto (?:family|\d+)|sk_proto|af_alg/i,
    remedy:
      'A socket is of a family or protocol that CRIU does not know (for example AF_ALG, AF_VSOCK, MPTCP, SCTP): close it before the move, or run the program without.',
  },
  {
    says: /in-flight|inflight|in flight/i,
    remedy:
      'Connections wait to be accepted, or descriptors are on their way in a socket: try again when the program is less busy.',
  },
  {
    says: /external (?:unix )?(?:stream )?socket|External socket/i,
    remedy: 'A unix socket is connected to a process outside the container: let the program connect for each request.',
  },
  {
    says: /ghost/i,
    remedy: 'A deleted file that is still open is too large: close it, or let the program keep its name.',
  },
  {
    says: /Can't lookup mount|mnt.?id|mountpoint|mount point|Mount .* unreachable|doesn't have a proper root mount/i,
    remedy:
      "An open file or a mount leads out of what the container sees: close it, or mount it by the container's own configuration.",
  },
  {
    says: /lock/i,
    remedy:
      'A file lock cannot be carried along: release it before the move, or keep the file on storage with local locks.',
  },
  {
    says: /tty|pty|terminal/i,
    remedy: 'A terminal has its other end outside the container: log to a file, or end the session.',
  },
  {
    says: /anon_inode|Can't dump file|Can't find file|unsupported file|Unknown fd|dump fd|fdinfo/i,
    remedy:
      'The program holds a kind of descriptor that CRIU does not know: the fact names it. Close it before the move, or run the program without.',
  },
  {
    says: /namespace|userns|pidns/i,
    remedy: 'A process has namespaces of its own that cannot be carried along: run it beside the container.',
  },
  { says: /hugetlb|huge page/i, remedy: 'Run the program without huge pages.' },
  {
    says: /No space left|ENOSPC/i,
    remedy:
      'The memory for images is full: raise imageLimitBytes on this node, or wait until its other handovers are done.',
  },
  { says: /ptrace|seize|traced|already being/i, remedy: 'Something else traces the processes: detach it.' },
  {
    says: /stopped task|session leader|Session|pgid|sid /i,
    remedy: 'A process belongs to a session from outside the container: end it.',
  },
];

const general =
  'Read what CRIU says of the program in the fact, and let the program do without it. `rehearsal: Never` in the policy moves it untested: a move that fails may then end the program.';

/** @param lines errors of CRIU's log; the last are the most general ones */
export function remedyFor(lines: readonly string[]): string {
  const found = lines
    .map((line) => remedies.find(({ says }) => says.test(line)))
    .find((remedy) => remedy !== undefined);
  return found?.remedy ?? general;
}
