// Annotations are up to 256 KiB of whatever a tenant writes: no parser of the controller stands still over one. A
// parser that looks at the rest of the text at each character needs a minute for one of these, and this file all of the
// time that tests may take.
import test from 'ava';
import { serviceAnnotations } from '#core/api/names.ts';
import { networksOf } from '#core/api/served-namespaces.ts';
import { pod } from '#core/testing/objects.ts';
import { stableService } from '#core/testing/stable-objects.ts';
import { endpointRequest } from './request.ts';

const length = 256 * 1024;
const filled = (pattern: string): string => pattern.repeat(length / pattern.length);

for (const pattern of [',', '(', ')', '(,', '),', 'a', 'a/', 'a=', 'a,', 'b a ', '@', '[', '{"', '-', '.', '!']) {
  test(`256 KiB of ${pattern} in an annotation`, (t) => {
    const text = filled(pattern);
    t.is(
      endpointRequest(
        stableService({}, { [serviceAnnotations.network]: 'stable', [serviceAnnotations.selector]: text }),
        new Set(['stable']),
      ).kind,
      'refused',
    );
    t.true(Array.isArray(networksOf(pod({ metadata: { annotations: { 'k8s.v1.cni.cncf.io/networks': text } } }))));
  });
}
