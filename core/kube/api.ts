// The KubeApi over HTTP: paths, preconditions, and failures as GodwitErrors.
import { z } from 'zod';
import { GodwitError, type ErrorCode } from '#core/errors.ts';
import type { ApiConnection } from '#core/kube/connection.ts';
import { failure } from '#core/kube/failure.ts';
import type {
  DeleteOptions,
  KubeApi,
  KubeObject,
  ListOptions,
  ObjectName,
  Resource,
  Subresource,
} from '#core/kube/port.ts';
import { read, type Unreadable } from '#core/kube/unreadable.ts';

const pageSize = 500;
const listSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string().default(''), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish(),
});

type Address = Pick<Resource<KubeObject>, 'group' | 'version' | 'plural'>;

export function collectionPath({ group, version, plural }: Address, namespace: string | undefined): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined
    ? `${root}/${plural}`
    : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

const objectPath = (resource: Address, { name, namespace }: ObjectName, subresource?: string): string =>
  `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}${subresource === undefined ? '' : `/${subresource}`}`;

export function createKubeApi(connection: ApiConnection): KubeApi {
  const send = async (method: string, path: string, body?: object, contentType?: string): Promise<unknown> => {
    const answer = await connection.request(
      method,
      path,
      body === undefined ? {} : { body: JSON.stringify(body), ...(contentType === undefined ? {} : { contentType }) },
    );
    if (answer.status >= 300) throw failure(`${method} ${path}`, answer);
    try {
      return JSON.parse(answer.body);
    } catch (cause) {
      throw new GodwitError(
        'ERR_KUBE_UNAVAILABLE',
        `${method} ${path}: what answered is no API server, or its answer was cut short`,
        { cause },
      );
    }
  };
  const api: KubeApi = {
    get: async (resource, name) => resource.parse(await send('GET', objectPath(resource, name))),
    async find(resource, name) {
      try {
        return await api.get(resource, name);
      } catch (error) {
        if (hasCode(error, 'ERR_KUBE_NOT_FOUND')) return undefined;
        throw error;
      }
    },
    list: (resource, options) => list(send, resource, options),
    create: async (resource, object, { dryRun = false } = {}) =>
      resource.parse(
        await send(
          'POST',
          `${collectionPath(resource, object.metadata.namespace)}${dryRun ? '?dryRun=All' : ''}`,
          typed(resource, object),
        ),
      ),
    replace: async (resource, object, subresource?: Subresource) =>
      resource.parse(await send('PUT', objectPath(resource, object.metadata, subresource), typed(resource, object))),
    patch: async (resource, name, patch, subresource) =>
      resource.parse(
        await send('PATCH', objectPath(resource, name, subresource), patch, 'application/merge-patch+json'),
      ),
    async delete(resource, name, options) {
      try {
        await send('DELETE', objectPath(resource, name), deleteBody(options));
      } catch (error) {
        if (!hasCode(error, 'ERR_KUBE_NOT_FOUND')) throw error;
      }
    },
    async evict(pod, options) {
      const path = objectPath({ group: '', version: 'v1', plural: 'pods' }, pod, 'eviction');
      await send('POST', path, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: pod,
        deleteOptions: deleteBody(options),
      });
    },
  };
  return api;
}

async function list<T extends KubeObject>(
  send: (method: string, path: string) => Promise<unknown>,
  resource: Resource<T>,
  options: ListOptions = {},
): Promise<{ items: T[]; resourceVersion: string; unreadable: Unreadable[] }> {
  const items: T[] = [];
  const unreadable: Unreadable[] = [];
  for (let from: string | undefined; ;) {
    const query = new URLSearchParams({
      limit: String(pageSize),
      ...selectors(options),
      ...(from === undefined ? {} : { continue: from }),
    });
    const page = listSchema.parse(
      await send('GET', `${collectionPath(resource, options.namespace)}?${query.toString()}`),
    );
    for (const item of page.items ?? []) {
      const result = read(resource, item);
      if ('object' in result) items.push(result.object);
      else unreadable.push(result.unreadable);
    }
    from = page.metadata.continue === '' ? undefined : page.metadata.continue;
    if (from === undefined) return { items, unreadable, resourceVersion: page.metadata.resourceVersion };
  }
}

export function selectors({ labelSelector, fieldSelector }: ListOptions): Record<string, string> {
  return {
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

/** Items of a list come without kind; the server wants it back. */
function typed({ group, version, kind }: Resource<KubeObject>, object: object): object {
  return { ...object, apiVersion: group === '' ? version : `${group}/${version}`, kind };
}

function deleteBody({ uid, resourceVersion, gracePeriodSeconds, propagationPolicy }: DeleteOptions = {}): object {
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
  };
}

export function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof GodwitError && error.code === code;
}
