// For tests: two overlays over the same image, as the container has them on two nodes.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Undo } from '#core/undo.ts';

export interface Overlay {
  upper: string;
  merged: string;
}

export interface TwoOverlays extends AsyncDisposable {
  image: string;
  source: Overlay;
  target: Overlay;
}

/** `fill` writes the image before both overlays are mounted; needs root. */
export function mountTwoOverlays(fill: (image: string) => void, parent = '/var/tmp', options = ''): TwoOverlays {
  const undo = new Undo();
  const base = fs.mkdtempSync(path.join(parent, 'godwit-files-'));
  undo.push(() => fs.rmSync(base, { recursive: true, force: true }));
  const image = path.join(base, 'image');
  fs.mkdirSync(image);
  fill(image);
  const mount = (name: string): Overlay => {
    const upper = path.join(base, name, 'upper');
    const work = path.join(base, name, 'work');
    const merged = path.join(base, name, 'merged');
    for (const directory of [upper, work, merged]) fs.mkdirSync(directory, { recursive: true });
    execFileSync('mount', [
      '-t',
      'overlay',
      'overlay',
      '-o',
      `lowerdir=${image},upperdir=${upper},workdir=${work}${options}`,
      merged,
    ]);
    undo.push(() => {
      execFileSync('umount', [merged]);
    });
    return { upper, merged };
  };
  return {
    image,
    source: mount('source'),
    target: mount('target'),
    [Symbol.asyncDispose]: () => undo[Symbol.asyncDispose](),
  };
}
