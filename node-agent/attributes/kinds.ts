// Most tasks are alike, and most sockets: what they have is written once.

export class Kinds<Key, Value> {
  readonly all: Value[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #nameOf: (key: Key) => string;
  readonly #make: (key: Key) => Value;

  /** @param nameOf the same for those that are alike  @param make called once for those */
  constructor(nameOf: (key: Key) => string, make: (key: Key) => Value) {
    this.#nameOf = nameOf;
    this.#make = make;
  }

  numberOf(key: Key): number {
    const name = this.#nameOf(key);
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.all.length);
    return this.all.push(this.#make(key)) - 1;
  }
}
