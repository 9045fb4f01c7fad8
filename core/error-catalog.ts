// All error codes in one place; docs/reference/errors.md is generated from this table.

interface ErrorEntry {
  /** CamelCase word for conditions and events. */
  reason: string;
  /** Whether the same request may succeed later without anybody changing anything. */
  retryable: boolean;
  /** What it means, one sentence for the reference page. */
  meaning: string;
  /** What the reader can do. */
  remedy: string;
}

const entries = {
  ERR_ABORTED: {
    reason: 'Aborted',
    retryable: true,
    meaning: 'The handover was cancelled before its commit; the source goes on.',
    remedy: 'Start it again when the reason for cancelling is gone.',
  },
  ERR_ADDRESS_EXHAUSTED: {
    reason: 'AddressPoolExhausted',
    retryable: true,
    meaning: "All addresses of the network's ranges are in use, on plain hosts by this node alone.",
    remedy:
      'Free an address, or give the network a larger range; in a cluster `kubectl get stableips` says who has which.',
  },
  ERR_ADDRESS_INVALID: {
    reason: 'AddressInvalid',
    retryable: false,
    meaning: 'A text is not the IP or MAC address that it has to be, or the address lies outside the network.',
    remedy: 'Correct the address that the message names.',
  },
  ERR_ADDRESS_TAKEN: {
    reason: 'AddressTaken',
    retryable: true,
    meaning: 'The requested address belongs to another container, or another node holds it.',
    remedy: 'Ask for another address, or remove the container that has it.',
  },
  ERR_AGENT_HUNG: {
    reason: 'AgentHung',
    retryable: true,
    meaning:
      'The agent did not run for longer than `deadlines.silenceMs` while the container stood still; its watchdog let the container go on, and the handover was rolled back.',
    remedy:
      'See what stopped the agent of the source: SIGSTOP, a debugger, a disk that does not answer, a lack of CPU. Then start the handover again.',
  },
  ERR_AGENT_REPLY: {
    reason: 'AgentReplyInvalid',
    retryable: false,
    meaning: 'The agent answered something that this command line does not understand.',
    remedy: 'Install the same version of `godwit` and of the agent; `--socket` must be the control socket of an agent.',
  },
  ERR_AGENT_RESTARTED: {
    reason: 'AgentRestarted',
    retryable: true,
    meaning:
      'The node agent ended before the commit of a handover; the one that came after it rolled the handover back.',
    remedy: 'Start the handover again; look at the agent log if nobody stopped the agent.',
  },
  ERR_AGENT_UNAVAILABLE: {
    reason: 'AgentUnavailable',
    retryable: true,
    meaning:
      'A container that waits for a handover was to be created while the node agent does not answer; it is not started afresh.',
    remedy: 'Start the node agent, or remove the annotation `godwit.dev/handover` to start the container from nothing.',
  },
  ERR_AGENT_UNREACHABLE: {
    reason: 'AgentUnreachable',
    retryable: true,
    meaning: 'The command line cannot talk to the agent of this node.',
    remedy:
      'Check that the agent runs (`systemctl status godwit`), that you may use its socket (root), and `--socket`.',
  },
  ERR_BUSY: {
    reason: 'Busy',
    retryable: true,
    meaning: 'The container is already being handed over.',
    remedy: 'Wait for that handover to end: `godwit watch`.',
  },
  ERR_CERTIFICATE_EXISTS: {
    reason: 'CertificateExists',
    retryable: false,
    meaning: 'A file that would be written exists already; nothing was written.',
    remedy: 'Move the old files away to issue new ones; other nodes need no change, they trust the authority.',
  },
  ERR_CERTIFICATE_FILES: {
    reason: 'CertificateFilesUnusable',
    retryable: false,
    meaning: 'A certificate file could not be read or written, or does not fit the others.',
    remedy: 'Look at the file that the message names.',
  },
  ERR_CNI_CONFIG: {
    reason: 'NetworkConfigInvalid',
    retryable: false,
    meaning: 'The network configuration is not valid for this plugin.',
    remedy: 'Correct the field that the message names.',
  },
  ERR_CNI_DECODE: {
    reason: 'NetworkConfigUnreadable',
    retryable: false,
    meaning: 'The network configuration is not a JSON object.',
    remedy: 'Look at what the container runtime was given as network configuration.',
  },
  ERR_CNI_ENV: {
    reason: 'CniEnvironmentInvalid',
    retryable: false,
    meaning: 'A CNI environment variable is missing or not usable.',
    remedy: 'Call the plugin as the CNI specification says; the message names the variables.',
  },
  ERR_CNI_NETNS: {
    reason: 'NetworkNamespaceInvalid',
    retryable: false,
    meaning: "The network namespace is missing, is not one, or is the node's own.",
    remedy: "Give the path of the container's network namespace.",
  },
  ERR_CNI_VERSION: {
    reason: 'CniVersionUnsupported',
    retryable: false,
    meaning: 'The CNI version is unknown or does not have this verb.',
    remedy: 'Use cniVersion 0.4.0, 1.0.0 or 1.1.0; GC and STATUS need 1.1.0.',
  },
  ERR_COMMAND: {
    reason: 'CommandFailed',
    retryable: false,
    meaning: 'A program that was started ended with an error.',
    remedy: 'The message holds the end of what it said.',
  },
  ERR_COMMIT_REFUSED: {
    reason: 'CommitRefused',
    retryable: true,
    meaning: 'The arbiter did not allow the commit; the source goes on.',
    remedy: 'Look at who holds the workload now; start the handover again if it is this node.',
  },
  ERR_CONFIG_INVALID: {
    reason: 'ConfigInvalid',
    retryable: false,
    meaning: 'A configuration file or option is not what it has to be.',
    remedy: 'Correct the field that the message names.',
  },
  ERR_CONTAINERD: {
    reason: 'ContainerdFailed',
    retryable: true,
    meaning: 'containerd answered a request with an error.',
    remedy: 'Look at the log of containerd on that node.',
  },
  ERR_CONTAINERD_CONFIG: {
    reason: 'ContainerdConfigRefused',
    retryable: false,
    meaning: "containerd's configuration on this node could not be changed safely; it is as it was.",
    remedy:
      'The message says what stands in the way. `containerd config dump` must end without an error; if the `imports` are the problem, add "/etc/containerd/conf.d/*.toml" to them yourself. The installer tries again when its pod restarts.',
  },
  ERR_CONTAINER_AMBIGUOUS: {
    reason: 'ContainerAmbiguous',
    retryable: false,
    meaning: 'More than one container id starts with the given text.',
    remedy: 'Give more characters of the id.',
  },
  ERR_CONTAINER_UNKNOWN: {
    reason: 'ContainerUnknown',
    retryable: false,
    meaning: 'No such container runs on this node under Godwit.',
    remedy: '`godwit ps` lists the containers; start them with `--runc-binary godwit-runc` (or RuntimeClass godwit).',
  },
  ERR_CRIU_KILLED: {
    reason: 'CriuKilled',
    retryable: true,
    meaning: 'CRIU got a SIGKILL while it held the restored processes, which never ran; the source goes on.',
    remedy: 'See in the kernel log of the target whether memory was short there.',
  },
  ERR_DEADLINE: {
    reason: 'DeadlineExceeded',
    retryable: true,
    meaning: 'A step did not finish in the time it was given.',
    remedy: 'Look at the step that the message names; `godwit doctor` checks the node.',
  },
  ERR_DUMP: {
    reason: 'DumpFailed',
    retryable: true,
    meaning: 'CRIU could not save the processes; the source goes on.',
    remedy: 'The message quotes CRIU; `godwit plan` names what it does not support.',
  },
  ERR_FILE_LOCK: {
    reason: 'FileLockLost',
    retryable: true,
    meaning: 'A process held a lock on a file that it could not take on the target; the source goes on, with the lock.',
    remedy:
      'The message says why. If somebody else holds the lock, on storage that both nodes see, wait until it is free.',
  },
  ERR_FILES_INVALID: {
    reason: 'FilesInvalid',
    retryable: false,
    meaning: 'A record of the changed files is malformed, or leads out of the root it belongs to.',
    remedy: 'Both nodes must run the same version and the same image; look at the path in the details.',
  },
  ERR_FILES_IO: {
    reason: 'FilesInputOutput',
    retryable: true,
    meaning: 'A changed file could not be read on the source or written on the target.',
    remedy: 'The details name path and errno: make space on the target, or use a file system that keeps such files.',
  },
  ERR_FILES_LIMIT: {
    reason: 'FilesLimit',
    retryable: false,
    meaning: 'The changed files are more, larger or deeper than what was agreed or can be moved.',
    remedy: 'Raise the limit for files, or let the container keep its data in a volume.',
  },
  ERR_FILES_OVERLAY: {
    reason: 'FilesOverlayUnsupported',
    retryable: false,
    meaning:
      'The layer of changed files cannot be read by itself: it redirects directories, holds metadata without content, or is nested.',
    remedy: 'Mount overlays with redirect_dir=off, metacopy=off and without userxattr, and start the container anew.',
  },
  ERR_FILES_SAME_ROOT: {
    reason: 'FilesSameRoot',
    retryable: false,
    meaning: 'A directory was about to be mirrored into itself.',
    remedy: 'Leave directories that both ends share out of the files to move.',
  },
  ERR_FORMER_SELF: {
    reason: 'FormerSelf',
    retryable: true,
    meaning:
      'Processes of an earlier pod of the same name may still run on another node, held by a Migration; a second instance must not start.',
    remedy:
      "It passes by itself when the Migration has ended and its source has been released. If the source's node is lost for good, delete the Node, or taint it node.kubernetes.io/out-of-service.",
  },
  ERR_FREEZE: {
    reason: 'FreezeFailed',
    retryable: true,
    meaning: 'The container could not be frozen or thawed.',
    remedy:
      'Look for a task in uninterruptible sleep (`ps -eo pid,stat,wchan:30,args`), e.g. on a hung network file system.',
  },
  ERR_HANDOVER_UNKNOWN: {
    reason: 'HandoverUnknown',
    retryable: false,
    meaning: 'No handover with this id is known here.',
    remedy: '`godwit get` lists them.',
  },
  ERR_HELD: {
    reason: 'Held',
    retryable: false,
    meaning:
      'The pod is held, and its object may be gone already: a move that is cancelled now ends its program, and it starts afresh.',
    remedy: 'Let the move go on, or repeat the command with `--force`.',
  },
  ERR_HOST_BUSY: {
    reason: 'HostBusy',
    retryable: false,
    meaning:
      'A set of test hosts, or a program on one of them, of that name runs already and belongs to another process.',
    remedy: 'Choose another name, or end the process that the message names.',
  },
  ERR_HOST_COMMAND: {
    reason: 'HostCommandFailed',
    retryable: false,
    meaning: 'A command on a test host did not exit with 0.',
    remedy: 'Read what it wrote to stderr, which the message ends with.',
  },
  ERR_HOST_SETUP: {
    reason: 'HostSetupFailed',
    retryable: false,
    meaning: 'Hosts for tests could not be built on this machine.',
    remedy: 'Read the reason in the message; `scripts/host-image.sh` lists what a machine lacks.',
  },
  ERR_IMAGES_INVALID: {
    reason: 'ImagesInvalid',
    retryable: true,
    meaning: 'The images that arrived are not the ones that were sent.',
    remedy: 'Try again; if it repeats, check the memory and network of both nodes.',
  },
  ERR_IMAGES_LIMIT: {
    reason: 'ImagesLimit',
    retryable: false,
    meaning: 'The images do not fit into the memory that is set aside for them.',
    remedy: 'Raise `imageLimitBytes` in the agent configuration of that node, or free memory.',
  },
  ERR_IMAGE_DIFFERS: {
    reason: 'ImageDiffers',
    retryable: false,
    meaning:
      "The replacement's container stands on other image layers than the source: its memory would not fit its files.",
    remedy: 'Name images by digest, so that all nodes run the same one.',
  },
  ERR_INIT_SKIPPED: {
    reason: 'InitSkipped',
    retryable: true,
    meaning:
      'Init containers were left out, since their work was to arrive by a move, and the replacement starts afresh instead.',
    remedy: 'Nothing: its sandbox was ended, and the kubelet runs them in a new one.',
  },
  ERR_INTERNAL: {
    reason: 'InternalError',
    retryable: false,
    meaning: 'Something that should not happen did happen.',
    remedy: 'Report it with the agent log of both nodes and the handover id.',
  },
  ERR_JOURNAL: {
    reason: 'JournalUnreadable',
    retryable: false,
    meaning: 'A handover journal was written by a version of Godwit that this one does not understand.',
    remedy: 'Run the version that wrote it until its handovers are done.',
  },
  ERR_KUBE_CONFLICT: {
    reason: 'Conflict',
    retryable: true,
    meaning: 'The object changed in between, or a precondition did not hold; nothing was changed.',
    remedy: 'It is read and decided again; when it persists, look who else writes the object.',
  },
  ERR_KUBE_EXISTS: {
    reason: 'AlreadyExists',
    retryable: false,
    meaning: 'An object of that name exists already.',
    remedy: 'Choose another name, or use the object that is there.',
  },
  ERR_KUBE_FORBIDDEN: {
    reason: 'Forbidden',
    retryable: false,
    meaning: 'The Kubernetes API refused the request for lack of rights.',
    remedy: 'Compare the role of the service account with docs/security.md.',
  },
  ERR_KUBE_INVALID: {
    reason: 'InvalidObject',
    retryable: false,
    meaning: 'The Kubernetes API refused the object as invalid.',
    remedy: 'Correct the field that the message names.',
  },
  ERR_KUBE_NOT_FOUND: {
    reason: 'NotFound',
    retryable: false,
    meaning: 'The object does not exist.',
    remedy: 'Check name and namespace.',
  },
  ERR_KUBE_OBJECT: {
    reason: 'UnknownObject',
    retryable: false,
    meaning: 'An object of the API does not have the shape that this version knows.',
    remedy: 'Install CRDs and parts of the same version.',
  },
  ERR_KUBE_TOO_MANY: {
    reason: 'TooManyRequests',
    retryable: true,
    meaning: 'The API asks to come back later: a disruption budget, a webhook or flow control.',
    remedy: 'Wait; the message says for what.',
  },
  ERR_KUBE_UNAVAILABLE: {
    reason: 'ApiUnavailable',
    retryable: true,
    meaning: 'The Kubernetes API did not answer in time, or answered with a failure of its own.',
    remedy: 'Check that the API server runs and is reachable from here.',
  },
  ERR_LEASE_STORE: {
    reason: 'LeaseStoreFailed',
    retryable: true,
    meaning: 'The lease directory cannot be read or written.',
    remedy: 'Look at the disk and the permissions of the lease directory.',
  },
  ERR_LINK_CHECK: {
    reason: 'LinkDiffers',
    retryable: false,
    meaning: 'A link is not as it was made: an interface, address, route or lease is missing.',
    remedy: "Remove the container's attachment and add it again.",
  },
  ERR_LINK_EPOCH: {
    reason: 'EpochTooOld',
    retryable: false,
    meaning: 'The request bears an older epoch than this node knows: somebody else holds the address.',
    remedy: 'Nothing to do on this node; the holder with the newest epoch serves.',
  },
  ERR_LINK_EXISTS: {
    reason: 'LinkExists',
    retryable: false,
    meaning: 'The interface name is already used in the network namespace.',
    remedy: 'Use another interface name, or remove the old attachment first.',
  },
  ERR_LINK_KERNEL: {
    reason: 'KernelRefusedLink',
    retryable: true,
    meaning: 'The kernel refused a change of a link.',
    remedy: "The message has the kernel's code; look for a device of that name or a missing kernel module.",
  },
  ERR_LINK_NETWORK: {
    reason: 'NetworkUnknown',
    retryable: false,
    meaning: 'This node has no configuration of that network.',
    remedy: 'Put a configuration of type godwit and that name into the CNI configuration directory.',
  },
  ERR_LINK_UNKNOWN: {
    reason: 'LinkUnknown',
    retryable: false,
    meaning: 'This node has no record of that attachment.',
    remedy: 'Look at the leases of this node; the container may have been removed.',
  },
  ERR_LISTEN: {
    reason: 'ListenFailed',
    retryable: false,
    meaning: 'A socket or port that the agent serves cannot be opened.',
    remedy: 'End the process that uses it, or configure another one.',
  },
  ERR_MEMORY_LOST: {
    reason: 'MemoryLost',
    retryable: false,
    meaning:
      'A container ran while its memory was still coming in, and whatever brings it in was killed: it was ended, since it would have run on zeros.',
    remedy:
      'It starts afresh by its owner. See in the kernel log of the node whether memory was short; `lazyFromBytes` says from which size on memory comes in late.',
  },
  ERR_MEMORY_TO_COME: {
    reason: 'MemoryToCome',
    retryable: true,
    meaning:
      'The memory of the container was still coming in from the move before, for longer than `deadlines.pagesMs`; it goes on where it is.',
    remedy: 'Move it again later; `godwit plan` says how much is still to come.',
  },
  ERR_MOUNT_NOT_EMPTY: {
    reason: 'MountNotEmpty',
    retryable: false,
    meaning: 'A directory that moves with the container is not empty on the target.',
    remedy: 'Move the files away that lie there, or hand over to another node.',
  },
  ERR_NETNS: {
    reason: 'NetworkNamespaceFailed',
    retryable: false,
    meaning: 'A network namespace of a container cannot be found or made.',
    remedy: 'Name it below /run/netns (`ip netns add NAME`).',
  },
  ERR_NETWORK_NOT_SERVED: {
    reason: 'NetworkNotServed',
    retryable: true,
    meaning:
      "The StableNetwork that the pod asks for does not exist, is not ready, or does not serve the pod's namespace.",
    remedy:
      'Name the namespace in `spec.namespaces` of the StableNetwork, or label it as its `namespaceSelector` wants; `kubectl describe stablenetwork` says why one is not ready.',
  },
  ERR_NOT_CLAIMED: {
    reason: 'NotClaimed',
    retryable: true,
    meaning:
      'A pod bears the annotation godwit.dev/migration, but the controller has not chosen it as the replacement of that Migration.',
    remedy: 'Do not set annotations of godwit.dev on pods by hand; delete the pod.',
  },
  ERR_NODE_IN_USE: {
    reason: 'NodeInUse',
    retryable: true,
    meaning:
      'Godwit was to be taken off a node that still has pods of its runtime class, links of stable addresses, or its agent; nothing was changed.',
    remedy:
      '`kubectl drain` the node, or delete those pods, and delete the node agent first. `uninstall --force` goes on all the same: such pods have no runtime afterwards, and end only when they are deleted by force and the node reboots.',
  },
  ERR_NODE_UNSUPPORTED: {
    reason: 'NodeUnsupported',
    retryable: false,
    meaning:
      'The node lacks what the installer needs: systemd, and as its service `containerd` a containerd 2 with a runtime of runc.',
    remedy:
      'Run containerd 2 as the systemd service `containerd`, or keep the node agent off this node with the node affinity of its DaemonSet.',
  },
  ERR_NO_SUCH_ROUTE: {
    reason: 'NoSuchRoute',
    retryable: false,
    meaning: 'The control API has no such method and path.',
    remedy: 'Use the command line `godwit`, or see docs/reference/cli.md.',
  },
  ERR_PEER_CERTIFICATE: {
    reason: 'PeerCertificate',
    retryable: false,
    meaning: 'One of two agents does not take the certificate of the other at the time that its clock says.',
    remedy:
      'Compare the clocks of both nodes with the times that the message names (NTP); issue a new certificate where one has expired.',
  },
  ERR_PEER_IDENTITY: {
    reason: 'PeerIdentity',
    retryable: false,
    meaning: 'The agent that answered has a certificate of another node.',
    remedy: 'Correct the address in `peers`, or issue a certificate for that node.',
  },
  ERR_PEER_LOST: {
    reason: 'PeerLost',
    retryable: true,
    meaning: 'The connection to the other agent broke during a handover.',
    remedy:
      'Nothing to do for the workload: before the commit the source goes on, after it both agents find each other again. The log of the other agent, or its absence, says why it went.',
  },
  ERR_PEER_PROTOCOL: {
    reason: 'PeerProtocol',
    retryable: false,
    meaning: 'The other agent sent something that is not part of the protocol.',
    remedy: 'Run the same version of Godwit on both nodes.',
  },
  ERR_PEER_UNKNOWN: {
    reason: 'PeerUnknown',
    retryable: false,
    meaning: 'The node is not among the peers of this agent.',
    remedy: 'Name a configured peer, or add the node to `peers` in the agent configuration.',
  },
  ERR_PEER_UNREACHABLE: {
    reason: 'PeerUnreachable',
    retryable: true,
    meaning: 'The agent of the other node does not answer.',
    remedy: 'Check that its agent runs and that the address and port in `peers` are right.',
  },
  ERR_QUEUED_CONNECTIONS: {
    reason: 'QueuedConnections',
    retryable: true,
    meaning:
      'In each of several freezes something waited that cannot be saved at such a moment: connections that the program had not accepted, netlink answers that it had not read, a child that was being started, or the status of one that had ended.',
    remedy: 'Try again when the program is less busy.',
  },
  ERR_REFUSED: {
    reason: 'PreflightRefused',
    retryable: false,
    meaning: 'A preflight check stands in the way; nothing was changed.',
    remedy: 'Each refusal names its remedy.',
  },
  ERR_REQUEST_INVALID: {
    reason: 'RequestInvalid',
    retryable: false,
    meaning: 'A request to the control API is not what it has to be.',
    remedy: 'Correct the field that the message names.',
  },
  ERR_RESTORE: {
    reason: 'RestoreFailed',
    retryable: true,
    meaning: 'CRIU could not restore the processes on the target; the source goes on.',
    remedy: 'The message quotes CRIU; compare kernel, CPU and CRIU of both nodes with `godwit doctor`.',
  },
  ERR_RUNC_MISSING: {
    reason: 'RuncMissing',
    retryable: false,
    meaning: 'The wrapper found no runc that it can run.',
    remedy: 'Install runc in /usr/bin, /usr/sbin, /usr/local/sbin, /usr/local/bin or /opt/godwit/bin.',
  },
  ERR_SELECTOR_INVALID: {
    reason: 'SelectorInvalid',
    retryable: false,
    meaning: 'A text is not a label selector.',
    remedy: 'Write it as for `kubectl get pods -l`, e.g. `app=shop,tier in (web,db)`.',
  },
  ERR_SNAPSHOTTER: {
    reason: 'SnapshotterUnsupported',
    retryable: false,
    meaning: 'The container does not use an overlay snapshotter, so its changed files cannot be told from its image.',
    remedy: 'Use the overlayfs snapshotter of containerd.',
  },
  ERR_SPEC_INVALID: {
    reason: 'SpecInvalid',
    retryable: false,
    meaning: 'The OCI runtime spec of a container cannot be read.',
    remedy: 'Recreate the container; its bundle or containerd record is damaged.',
  },
  ERR_STORAGE: {
    reason: 'StorageFailed',
    retryable: true,
    meaning:
      'A file that the agent needs cannot be written: its disk, quota or memory is full, it is read-only, or the disk fails.',
    remedy:
      'Make room at the path that the message names, on the node that it names; `godwit doctor` there tries all of them.',
  },
  ERR_TARGET_LOST: {
    reason: 'TargetLost',
    retryable: true,
    meaning: 'After the commit the target could not run its copy and said so; the source took the workload back.',
    remedy: 'Look at the agent log of the target.',
  },
  ERR_TOOL_MISSING: {
    reason: 'ToolMissing',
    retryable: false,
    meaning: 'A program that the agent needs does not run on this node.',
    remedy: 'Install it: criu 4.2 or newer, runc 1.3 or newer, iproute2.',
  },
  ERR_TOO_LATE: {
    reason: 'TooLate',
    retryable: false,
    meaning: 'The handover has passed its commit and cannot be cancelled.',
    remedy: 'Hand the container over back to where it came from.',
  },
  ERR_WRAPPER_LOST: {
    reason: 'WrapperLost',
    retryable: true,
    meaning: 'godwit-runc ended while the agent was working for it.',
    remedy: 'Look at the log of containerd for the reason; then try again.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof entries;

export const errorCatalog: Record<ErrorCode, ErrorEntry> = entries;
