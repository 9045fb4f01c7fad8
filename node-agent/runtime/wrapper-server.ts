// Answers godwit-runc and CRIU's action script on /run/godwit/runtime.sock.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { GodwitError } from '#core/errors.ts';
import type { Log } from '#core/log.ts';
import {
  decodeRequest,
  decodeStatus,
  exitWith,
  hold,
  keepWaiting,
  maxRequestBytes,
  passThrough,
  runChild,
  type WrapperRequest,
} from '#agent/runtime/wrapper-protocol.ts';

/** The wrapper gives up after 2 s without a first frame, and after 10 s without another. */
const keepWaitingEveryMs = 1_000;
const requestLimitMs = 2_000;

/** One waiting wrapper. Exactly one of `passThrough` and `exit` ends it, whatever it has run before. */
export interface Conversation {
  request: WrapperRequest;
  passThrough(): void;
  exit(code: number, message?: string): void;
  /**
   * The caller goes on as if the call were done; the conversation stays open. An agent that dies meanwhile has passed
   * it through.
   */
  hold(): void;
  /** The wrapper waits on, also where it would not for a first answer. */
  askForPatience(): void;
  /**
   * Runs the real runc in the wrapper's place (its stdio, its parent); resolves with the status, rejects with
   * ERR_WRAPPER_LOST.
   */
  run(args: readonly string[]): Promise<number>;
  /** Resolves when the wrapper is gone, whoever ended it. */
  gone: Promise<void>;
}

/** Serves until `close()`; a conversation that `onRequest` rejects ends with exit status 1 and the error's text. */
export async function serveWrappers(
  path: string,
  onRequest: (conversation: Conversation) => Promise<void>,
  log: Log,
): Promise<{ close(): void }> {
  rmSync(path, { force: true });
  const server = createServer((socket) => attend(socket, onRequest, log));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(path, resolve);
  await promise;
  chmodSync(path, 0o600);
  return { close: () => void server.close() };
}

function attend(socket: Socket, onRequest: (conversation: Conversation) => Promise<void>, log: Log): void {
  const frames = new WrapperFrames(socket);
  const gone = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  socket.on('error', (error) => log.debug({ error: error.message }, 'Wrapper connection failed'));
  const impatience = setTimeout(() => socket.destroy(), requestLimitMs);
  frames.onFrame = (payload) => {
    clearTimeout(impatience);
    const request = decodeRequest(payload);
    if (request === undefined) {
      socket.destroy();
      return;
    }
    const conversation = converse(socket, frames, request, gone);
    onRequest(conversation).catch((error: unknown) => {
      const message = error instanceof GodwitError ? `${error.code}: ${error.message}` : String(error);
      log.error({ command: request.command, error: message }, 'Runtime request failed');
      if (conversation.isHeld) conversation.passThrough(); // its caller believes that it is done
      else conversation.exit(1, `godwit: ${message}`);
    });
  };
}

function converse(
  socket: Socket,
  frames: WrapperFrames,
  request: WrapperRequest,
  gone: Promise<void>,
): Conversation & { readonly isHeld: boolean } {
  const beat = setInterval(() => socket.write(keepWaiting()), keepWaitingEveryMs);
  socket.once('close', () => clearInterval(beat));
  let hasRun = false;
  let isHeld = false;
  const finish = (answer: Buffer) => {
    clearInterval(beat);
    if (!socket.destroyed) socket.end(answer);
  };
  return {
    request,
    gone,
    passThrough() {
      if (!hasRun) return finish(passThrough());
      // It no longer becomes runc by itself: the status of what it ran would be its own.
      void this.run(request.args).then(
        (status) => finish(exitWith(status)),
        () => undefined,
      );
    },
    exit: (code, message) => finish(exitWith(code, message)),
    get isHeld() {
      return isHeld;
    },
    hold() {
      isHeld = true;
      socket.write(hold());
    },
    askForPatience: () => void socket.write(keepWaiting()),
    run(args) {
      hasRun = true;
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      frames.onFrame = (payload) => {
        const status = decodeStatus(payload);
        if (status !== undefined) resolve(status);
      };
      void gone.then(() => reject(new GodwitError('ERR_WRAPPER_LOST', 'godwit-runc ended before its runc did')));
      socket.write(runChild(args));
      return promise;
    },
  };
}

/** Cuts the wrapper's byte stream into frames; too large a frame ends the connection. */
class WrapperFrames {
  onFrame: (payload: Buffer) => void = () => {};
  #pending: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    socket.on('data', (chunk) => {
      this.#pending = Buffer.concat([this.#pending, chunk]);
      while (this.#pending.length >= 4) {
        const length = this.#pending.readUInt32LE(0);
        if (length > maxRequestBytes) {
          socket.destroy();
          return;
        }
        if (this.#pending.length < 4 + length) return;
        const payload = this.#pending.subarray(4, 4 + length);
        this.#pending = this.#pending.subarray(4 + length);
        this.onFrame(payload);
      }
    });
  }
}
