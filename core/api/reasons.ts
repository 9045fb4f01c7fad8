// Reasons of a Migration's condition Succeeded, and what each means: machines test the word, people read the sentence.

export const migrationReasons = {
  Running: 'The move is under way.',
  Planned: 'Nothing stands in the way; nothing was moved, since it was a dry run.',
  Moved: 'The processes go on in the replacement.',
  PodNotFound: 'There is no such pod, or another incarnation of its name.',
  PodFinished: 'The pod ran to its end: nothing of it is to be moved.',
  PreflightRefused: 'Something in the pod or on its node cannot be moved; status.refusals says what, and what to do.',
  AlreadyMigrating: 'Another Migration moves the pod.',
  NoCandidate: 'No node could take the pod before the deadline.',
  Cancelled: 'The Migration was cancelled before its commit; the source went on.',
  DeadlineExceeded: 'The deadline passed before the commit; the source went on until its kill was delivered.',
  ReplacementMissing: 'The owner made no replacement: it was scaled down, rolled out or deleted.',
  HandoverFailed: 'Every attempt at the handover was rolled back; status.handover.error says why.',
} as const;
export type MigrationReason = keyof typeof migrationReasons;
