// Writes down what the memory of a container holds when it is frozen, when it is restored and not yet let go, and when
// its dump is given up.
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { EngineWorld } from '#agent/agent.ts';
import type { AgentConfig } from '#agent/config.ts';
import { imageDirectoriesOf } from '#agent/criu/image-memory.ts';
import { restoreFamily } from '#agent/criu/restore-family.ts';
import type { SourcePort, TargetPort } from '#agent/engine/ports.ts';
import { ContainerRegistry } from '#agent/runtime/container-registry.ts';
import { readRuncStateIfAny } from '#agent/runtime/runc-state.ts';
import { rseqAreas } from './rseq-areas.ts';
import { memoryImageSchema, readMemory } from './memory-image.ts';

/** On every host. */
export const testimonies = '/run/godwit-oracle';

export const testimonySchema = z.object({
  /** Pages may still have been missing: they come in while the program runs. */
  partly: z.boolean(),
  memory: memoryImageSchema,
});
export type Testimony = z.infer<typeof testimonySchema>;

/** `frozen` and `kept` on the source, `restored` on the target. */
export type Moment = 'frozen' | 'kept' | 'restored';

export const testimonyFile = (handover: string, moment: Moment): string =>
  join(testimonies, `${handover}.${moment}.json`);

interface Subject {
  /** First process of the container, seen from here. */
  init: number | undefined;
  /** CRIU's images of it. */
  images: string;
}

/** The same world, watched. */
export function withWitness({ ports, journals }: EngineWorld): EngineWorld {
  const { config } = ports;
  return {
    journals,
    ports: {
      ...ports,
      source: (handover, container) =>
        watchedSource(ports.source(handover, container), handover, () => ({
          init: firstProcess(config, container),
          images: imagesOf(config, handover),
        })),
      target: (handover) =>
        watchedTarget(ports.target(handover), handover, () => {
          const images = imagesOf(config, handover);
          return { init: restoreFamily(images).restored[0], images };
        }),
    },
  };
}

function watchedSource(source: SourcePort, handover: string, subject: () => Subject): SourcePort {
  return instead(source, {
    async dump(sink, limitMs) {
      const sent = await source.dump(sink, limitMs);
      write(handover, 'frozen', subject(), false);
      return sent;
    },
    async abandonDump(limitMs) {
      await source.abandonDump(limitMs);
      if (source.wasLetGo()) return; // it has run since
      if (existsSync(testimonyFile(handover, 'frozen'))) write(handover, 'kept', subject(), false);
    },
  });
}

function watchedTarget(target: TargetPort, handover: string, subject: () => Subject): TargetPort {
  let lazy = false;
  return instead(target, {
    announce(request, limitMs) {
      ({ lazy } = request);
      return target.announce(request, limitMs);
    },
    async restore(limitMs) {
      const notes = await target.restore(limitMs);
      write(handover, 'restored', subject(), lazy);
      return notes;
    },
  });
}

function instead<Port extends object>(port: Port, methods: Partial<Port>): Port {
  return new Proxy(port, {
    get(own, key) {
      const member: unknown = Reflect.get(methods, key) ?? Reflect.get(own, key, own);
      return typeof member === 'function' ? (...args: unknown[]): unknown => Reflect.apply(member, own, args) : member;
    },
  });
}

function firstProcess(config: AgentConfig, container: string): number | undefined {
  const registration = new ContainerRegistry(join(config.runDir, 'containers')).get(container);
  return registration === undefined ? undefined : readRuncStateIfAny(registration.root, container)?.pid;
}

const imagesOf = (config: AgentConfig, handover: string): string =>
  imageDirectoriesOf(join(config.runDir, 'images'), handover).images;

/** Whole or not at all: an agent may be killed while it writes. */
function write(handover: string, moment: Moment, { init, images }: Subject, partly: boolean): void {
  if (init === undefined) return; // it has ended
  mkdirSync(testimonies, { recursive: true });
  const file = testimonyFile(handover, moment);
  writeFileSync(
    `${file}.new`,
    JSON.stringify({ partly, memory: readMemory(init, rseqAreas(images)) } satisfies Testimony),
  );
  renameSync(`${file}.new`, file);
}
