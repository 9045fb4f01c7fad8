// What CRIU says of names that it made itself while it dumped (its option link-remap).
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { entriesOf, fields, numberIn } from '#agent/criu/image-entries.ts';

/** Fields and values of CRIU's images/remap-file-path.proto. */
const typeField = 3;
const linked = 0n;

/** Whether a dump gave files names that the directories did not have when they were copied. */
export function madeNames(images: string): boolean {
  const file = join(images, 'remap-fpath.img');
  return existsSync(file) && entriesOf(readFileSync(file)).some((entry) => isLinked(fields(entry)));
}

function isLinked(remap: Map<number, Buffer>): boolean {
  return remap.has(typeField) && numberIn(remap.get(typeField)) === linked;
}
