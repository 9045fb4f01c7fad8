// Events for people who describe an object: each turn of a story once, since its name is made of what it tells.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { objectMetaSchema } from '#core/api/objects.ts';
import type { Clock } from '#core/clock.ts';
import { asGodwitError } from '#core/errors.ts';
import { hasCode } from '#core/kube/api.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { resource } from '#core/kube/resources.ts';
import type { Log } from '#core/log.ts';

const reference = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().optional(),
});
const eventSchema = z.looseObject({ metadata: objectMetaSchema, regarding: reference });
const events = resource(
  { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', namespaced: true },
  eventSchema,
);

export type Regarding = z.infer<typeof reference>;

export interface Turn {
  regarding: Regarding;
  related?: Regarding;
  type: 'Normal' | 'Warning';
  /** One word, e.g. `Moved`. */
  reason: string;
  /** What was being done, one word. */
  action: string;
  note: string;
}

/** What the API takes, in bytes. */
const longestNote = 1024;
const longestName = 200;

export class Events {
  readonly #api: KubeApi;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #reporter: { controller: string; instance: string };

  /** @param instance name of the pod that reports */
  constructor(api: KubeApi, clock: Clock, log: Log, reporter: { controller: string; instance: string }) {
    this.#api = api;
    this.#clock = clock;
    this.#log = log;
    this.#reporter = reporter;
  }

  /** Never fails: an event that cannot be written is a line in the log. */
  async tell({ regarding, related, type, reason, action, note }: Turn): Promise<void> {
    const seed = [regarding.uid, related?.uid, reason, note].join('\0');
    try {
      await this.#api.create(events, {
        metadata: {
          name: `${regarding.name.slice(0, longestName).replace(/[-.]+$/, '')}.${createHash('sha256').update(seed).digest('hex').slice(0, 16)}`,
          namespace: regarding.namespace ?? 'default',
        },
        eventTime: this.#clock.date().toISOString().replace('Z', '000Z'),
        reportingController: this.#reporter.controller,
        reportingInstance: this.#reporter.instance,
        type,
        reason,
        action,
        note: cut(note),
        regarding,
        ...(related === undefined ? {} : { related }),
      });
    } catch (error) {
      if (!hasCode(error, 'ERR_KUBE_EXISTS'))
        this.#log.warn({ reason, object: regarding.name, error: asGodwitError(error).message }, 'Event not written');
    }
  }
}

/** A character that would be halved is left out. */
function cut(note: string): string {
  return new TextDecoder().decode(Buffer.from(note).subarray(0, longestNote), { stream: true });
}
