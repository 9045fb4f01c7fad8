// A connection in memory that can be cut or go silent, as networks do.
import { Duplex } from 'node:stream';

export interface Wire {
  ends: [Duplex, Duplex];
  cut(): void;
  /** Nothing written from now on arrives, and nobody is told. */
  stall(): void;
}

/** @param onChunk called before every chunk that arrives */
export function createWire(onChunk: (wire: Wire) => void): Wire {
  const state = { stalled: false };
  const arrive = (): boolean => {
    onChunk(wire);
    return !state.stalled;
  };
  const a = new End(arrive);
  const b = new End(arrive);
  a.other = b;
  b.other = a;
  const wire: Wire = {
    ends: [a, b],
    cut: () => void a.destroy(),
    stall: () => void (state.stalled = true),
  };
  return wire;
}

class End extends Duplex {
  other: End | undefined;
  readonly #arrive: () => boolean;
  #taken: (() => void) | undefined;

  constructor(arrive: () => boolean) {
    super({ autoDestroy: true });
    this.#arrive = arrive;
    this.on('error', () => undefined);
  }

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (!this.#arrive() || this.other === undefined || this.other.destroyed) return;
    if (this.other.push(chunk)) done();
    else this.other.#taken = done;
  }

  override _final(done: () => void): void {
    if (this.other?.destroyed === false) this.other.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other } = this;
    if (other !== undefined && !other.destroyed) process.nextTick(() => other.destroy());
    done(error);
  }
}
