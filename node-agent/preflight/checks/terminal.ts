// The other end of a container's terminal is in the hands of who started it.
import type { SourceCheck } from '#agent/preflight/check.ts';

export const terminal: SourceCheck = {
  check: 'terminal',
  code: 'PREFLIGHT_TTY',
  about: 'The container was started with a terminal. Terminals that a program makes itself move.',
  run: ({ facts }) =>
    facts.oci.process?.terminal === true
      ? {
          verdict: 'refused',
          fact: 'the container has a terminal',
          remedy: 'Run it without a terminal (no `-t`, `tty: false`).',
        }
      : { fact: 'no terminal' },
};
