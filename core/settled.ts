// Lets a loop look whether something else has ended meanwhile.

/** `over` turns true when `promise` settles, either way. */
export function observe(promise: Promise<unknown>): { readonly over: boolean } {
  const state = { over: false };
  const mark = (): void => void (state.over = true);
  promise.then(mark, mark);
  return state;
}

/** Like Promise.all, but settles only when both have: nothing of a failed step goes on behind its back. */
export async function settleBoth<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b]);
  return Promise.all([a, b]);
}
