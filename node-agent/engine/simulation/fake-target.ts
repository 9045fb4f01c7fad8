// A replacement that only the world's books know.
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import type { TargetPort, TargetRequest } from '#agent/engine/ports.ts';
import type { FilePort } from '#agent/files/port.ts';
import type { Life } from './life.ts';

const recoverySchema = z.object({ announced: z.boolean(), boot: z.number() });

export function fakeTarget(life: Life, files: FilePort): TargetPort {
  const { world } = life;
  const own = world.nodes.b;
  const received = new Map<number, { name: string; bytes: number }>();
  let announced = false;
  return {
    journalFacts: () => ({ announced, boot: world.boots }),
    recover(facts, resuming) {
      const recovered = recoverySchema.parse(facts);
      ({ announced } = recovered);
      if (recovered.boot !== world.boots) return resuming ? 'ended' : 'gone';
      if (world.copy === 'held' || world.copy === 'running') return 'ready';
      return world.ranAtTarget ? 'ended' : 'gone';
    },
    announce: ({ handover, spec }: TargetRequest) =>
      life.step('announce', () => {
        announced = true;
        return spec.netns === undefined
          ? undefined
          : { netns: spec.netns, containerId: `godwit-${handover}`, kept: false };
      }),
    prepareNetwork: () => life.step('prepareNetwork', () => void (own.netns = true)),
    removeNetwork: () => life.step('removeNetwork', () => void (own.netns &&= !announced)),
    prepare: () =>
      life.step('prepare', () => {
        own.record = own.images = true;
        world.copy = 'waiting';
      }),
    receiver: () => files.receiver('/data', { limits: { maxEntries: 1, maxBytes: 1 } }),
    openImage: (number, name) => life.now('openImage', () => void received.set(number, { name, bytes: 0 })),
    writeImage: (number, bytes) =>
      life.now('writeImage', () => {
        const image = received.get(number);
        if (image !== undefined) image.bytes += bytes.length;
      }),
    sealImages: (sent) =>
      life.now('sealImages', () => {
        if (JSON.stringify([...received.values()]) !== JSON.stringify(sent))
          world.violate('images were sealed that are not whole');
      }),
    restore: () =>
      life.step('restore', () => {
        if (world.copy !== 'waiting') throw new GodwitError('ERR_RESTORE', `the copy is ${world.copy}`);
        world.copy = 'held';
        return [];
      }),
    isOrphaned: () => false,
    resume: () =>
      life.step(
        'resume',
        () => {
          if (world.copy === 'held') world.copy = 'running';
          if (world.copy !== 'running' && !world.ranAtTarget)
            throw new GodwitError('ERR_RESTORE', `the copy is ${world.copy}`);
          return world.clock.nowMs();
        },
        { except: ['throw-after'] },
      ),
    finish: () => life.step('finish', () => void (own.images = false)),
    abandon: () =>
      life.step('abandon', () => {
        if (world.ranAtTarget) world.violate('a copy that has run is given up');
        world.copy = 'ended';
        own.record = own.images = false;
      }),
    imageBytes: () => 1,
    criuMs: () => 1,
  };
}
