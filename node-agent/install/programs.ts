// Godwit's programs on the node: copied when the node has another build, left alone otherwise, so that an agent is back
// soon.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** Written by images/build.ts: a hash of all that is in the image. */
const buildId = 'build-id';
/** Programs and their libraries, each replaced as a whole: what runs keeps its old file. */
const flat = ['lib', 'bin'] as const;

/**
 * From the image's directory to that of the node; true when something was copied. A copy that was cut short is done
 * again.
 */
export function placePrograms(from: string, to: string): boolean {
  const build = readFileSync(join(from, buildId), 'utf8');
  if (idOf(to) === build && isWhole(from, to)) return false;
  rmSync(join(to, buildId), { force: true });
  for (const directory of flat) {
    mkdirSync(join(to, directory), { recursive: true });
    for (const name of readdirSync(join(from, directory)))
      placeFile(join(from, directory, name), join(to, directory, name));
  }
  placeDirectory(join(from, 'app'), join(to, 'app'));
  writeFileSync(join(to, buildId), build);
  return true;
}

/** A removal that is cut short leaves no build that looks whole. */
export function removePrograms(directory: string): void {
  rmSync(join(directory, buildId), { force: true });
  rmSync(directory, { recursive: true, force: true });
}

function idOf(directory: string): string | undefined {
  const path = join(directory, buildId);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** Somebody may have removed what a node seemed not to need. */
function isWhole(from: string, to: string): boolean {
  return (
    existsSync(join(to, 'app/package.json')) &&
    flat.every((directory) => readdirSync(join(from, directory)).every((name) => existsSync(join(to, directory, name))))
  );
}

/** True when the node had another file there. */
export function placeFile(from: string, to: string): boolean {
  if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) return false;
  mkdirSync(join(to, '..'), { recursive: true });
  copyFileSync(from, `${to}.new`);
  chmodSync(`${to}.new`, 0o755);
  renameSync(`${to}.new`, to);
  return true;
}

function placeDirectory(from: string, to: string): void {
  rmSync(`${to}.new`, { recursive: true, force: true });
  cpSync(from, `${to}.new`, { recursive: true });
  rmSync(to, { recursive: true, force: true });
  renameSync(`${to}.new`, to);
}
