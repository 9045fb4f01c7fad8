// Up to which size CRIU carries an open file that has no name any more; above it, preflight refuses.

export const ghostLimitBytes = 64 * 2 ** 20;
