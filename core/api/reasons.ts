// Reasons of conditions and events, and what each means: machines test the word, people read the sentence.

/** Of a Migration's condition Succeeded. */
export const migrationReasons = {
  Running: 'The move is under way.',
  Planned: 'Nothing stands in the way; nothing was moved, since it was a dry run.',
  Moved: 'The processes go on in the replacement.',
  KeptInPlace: 'No other node has taken the pod: its processes go on in the replacement, on the node where they were.',
  PodNotFound: 'There is no such pod, or another incarnation of its name.',
  PodFinished: 'The pod ran to its end: nothing of it is to be moved.',
  SourceEnded: 'The program ended by itself while its pod was held: what replaces it starts anew.',
  PreflightRefused: 'Something in the pod or on its node cannot be moved; status.refusals says what, and what to do.',
  AlreadyMigrating: 'Another Migration moves the pod.',
  NoCandidate: 'No node could take the pod before the deadline, or it had to wait for others until then.',
  Cancelled:
    'The Migration was cancelled before its commit. A pod that had not been deleted for it runs on; another starts anew.',
  DeadlineExceeded:
    'The deadline passed before the commit. A pod that had not been deleted for it runs on; the kill of another was delivered, and what replaces it starts anew.',
  ReplacementMissing:
    'The owner made no replacement; the message says why, where the API server or the owner has said so.',
  ReplacementDiffers:
    'The owner made a replacement of another template, as in a rollout: the old processes cannot go on in it.',
  ReplacementMisplaced:
    'The replacement came to the node of its source, past the gate: no webhook answered when it was made. It starts anew there.',
  HandoverFailed: 'Every attempt at the handover was rolled back; status.handover.error says why.',
} as const;
export type MigrationReason = keyof typeof migrationReasons;

/** Of a StableNetwork's conditions Ready and Attached, and of the events that say that it is not ready. */
export const networkReasons = {
  Attached: 'Every namespace that it serves has its attachment definition, and nothing speaks against its ranges.',
  RangesInvalid: 'A range is not one: the message says what does not fit. Nodes refuse the network.',
  RangesReserved:
    'A range has addresses that are for something else: loopback, link-local or multicast addresses, a node, or the pod network.',
  RangesOverlap: 'An earlier StableNetwork can give the same addresses.',
  SegmentShared:
    'An earlier StableNetwork has the same bridge, uplink or VXLAN id, but not all of them: nodes cannot keep the two apart.',
  NamespaceMissing: 'A namespace that it names does not exist; in all others it can be used.',
} as const;
export type NetworkReason = keyof typeof networkReasons;

/** Of a StableNetwork's condition Exhausted, and of its event. */
export const exhaustionReasons = {
  AddressPoolExhausted: 'Every address of a family is in use: pods that need a new one do not start.',
  AddressesFree: 'Addresses of every family are free.',
} as const;

/** Of a StableNetwork's condition Narrow, and of its event. */
export const mtuReasons = {
  MtuTooSmall:
    'Bridge, uplink or tunnel of a node take smaller packets than the network promises: connections there hang.',
  MtuFits: "Every node whose agent has said it takes packets of the network's full size.",
} as const;

/** Of a StableIP's condition Ready. */
export const addressReasons = {
  Held: 'The pod that the status names exists, and its node reports.',
  NodeNotReady:
    'The node of the holder does not report: whether it serves is not known, and the address stays its own.',
  Waiting: 'No pod holds it; it is kept for the next pod of its workload.',
  Released: 'Its workload is gone; it is free within a minute.',
} as const;
export type AddressReason = keyof typeof addressReasons;

/** Of an InterruptionPolicy's conditions Ready and Shadowed. */
export const policyReasons = {
  Active: 'Pods that it selects are treated as it says.',
  SelectorInvalid:
    'An expression of the selector has no values where its operator needs some, or has some where it takes none.',
  HigherPrecedence: 'Other policies win for every pod that it selects.',
  Effective: 'It wins for a pod that it selects, or selects none.',
} as const;

/** Of events on a Service that asks for stable endpoints and cannot have them. */
export const serviceReasons = {
  SelectorPresent: 'The Service has a selector of its own, so Kubernetes writes its endpoints.',
  SelectorInvalid: 'The annotation `godwit.dev/selector` is missing, or is not a label selector.',
  NetworkUnknown: 'The annotation `godwit.dev/stable-network` names no StableNetwork.',
} as const;
export type ServiceReason = keyof typeof serviceReasons;
