// What the exit codes of `godwit` and `kubectl godwit` say; scripts may rely on these numbers.

export const exitCodes = {
  ok: { code: 0, meaning: 'done, or detached from a handover that goes on' },
  failed: {
    code: 1,
    meaning: 'failed: the handover was rolled back, a check failed, or the agent or the API server reported an error',
  },
  usage: { code: 2, meaning: 'wrong usage or bad input; nothing was changed' },
  refused: { code: 3, meaning: 'refused by preflight before anything was frozen' },
  unreachable: {
    code: 4,
    meaning: 'the agent or the API server cannot be reached; a running handover goes on without the command line',
  },
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]['code'];
