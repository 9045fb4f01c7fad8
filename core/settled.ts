// Lets a loop look whether something else has ended meanwhile.

/** `over` turns true when `promise` settles, either way. */
export function observe(promise: Promise<unknown>): { readonly over: boolean } {
  const state = { over: false };
  const mark = (): void => void (state.over = true);
  promise.then(mark, mark);
  return state;
}
