// A wrapper that waits, for tests: it tells what it was answered, and does nothing.
import type { Conversation } from '#agent/runtime/wrapper-server.ts';

/** @param tell called with `hold`, `pass` or `exit <code>` */
export function conversation(tell: (answer: string) => void = () => undefined): Conversation {
  return {
    request: { command: 'kill', cwd: '/', args: [] },
    passThrough: () => tell('pass'),
    hold: () => tell('hold'),
    askForPatience: () => tell('patience'),
    exit: (code) => tell(`exit ${code}`),
    run: () => Promise.resolve(0),
    gone: new Promise(() => undefined),
  };
}
