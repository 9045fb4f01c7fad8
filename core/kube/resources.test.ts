// Objects come into memory without their ballast, and with everything else.
import test from 'ava';
import { migration, node, pod } from '#core/testing/objects.ts';
import { migrations, nodes, pods } from './resources.ts';

const managedFields = [{ manager: 'kubelet', operation: 'Update', fieldsV1: { 'f:status': {} } }];

test('nobody here reads managedFields', (t) => {
  const object = pod({ metadata: { resourceVersion: '7', selfLink: '/x' } });
  t.deepEqual(pods.parse({ ...object, metadata: { ...object.metadata, managedFields } }), object);
  const move = migration();
  t.deepEqual(migrations.parse({ ...move, metadata: { ...move.metadata, managedFields } }), move);
});

test('what is parsed is left as it was', (t) => {
  const json = { ...pod(), metadata: { ...pod().metadata, managedFields } };
  pods.parse(json);
  t.is(json.metadata.managedFields, managedFields);
});

test('a node comes without the list of its images', (t) => {
  const object = node('a');
  t.deepEqual(
    nodes.parse({
      ...object,
      status: { ...object.status, images: [{ names: ['x'] }], nodeInfo: { architecture: 'amd64' } },
    }),
    { ...object, status: { ...object.status, nodeInfo: { architecture: 'amd64' } } },
  );
  t.deepEqual(nodes.parse({ metadata: { name: 'b' } }), { metadata: { name: 'b' } });
});

test('what is no such object is refused by name', (t) => {
  t.throws(() => nodes.parse({ metadata: {} }), {
    code: 'ERR_KUBE_OBJECT',
    message: /^a Node is not what this version of Godwit knows/,
  });
});
