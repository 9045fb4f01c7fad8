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
  ERR_CONFIG_INVALID: {
    reason: 'ConfigInvalid',
    retryable: false,
    meaning: 'A configuration file or option is not what it has to be.',
    remedy: 'Correct the field that the message names.',
  },
  ERR_DEADLINE: {
    reason: 'DeadlineExceeded',
    retryable: true,
    meaning: 'A step did not finish in the time it was given.',
    remedy: 'Look at the step that the message names; `godwit doctor` checks the node.',
  },
  ERR_INTERNAL: {
    reason: 'InternalError',
    retryable: false,
    meaning: 'Something that should not happen did happen.',
    remedy: 'Report it with the agent log of both nodes and the handover id.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof entries;

export const errorCatalog: Record<ErrorCode, ErrorEntry> = entries;
