// A Migration may take several attempts; each is a handover of its own, whose id says whose it is.

export function handoverId(migrationUid: string, attempt: number): string {
  return `${migrationUid}-${attempt}`;
}

/** Undefined for a handover that no Migration began. */
export function migrationOfHandover(id: string): { uid: string; attempt: number } | undefined {
  const [, uid, attempt] = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})-(\d+)$/.exec(id) ?? [];
  return uid === undefined ? undefined : { uid, attempt: Number(attempt) };
}
