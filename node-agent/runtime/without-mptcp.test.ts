// A container begins where nothing that CRIU cannot move is offered.
import test from 'ava';
import { withoutMptcp } from './without-mptcp.ts';

const facts = { hasSwitch: true, isOfNode: (path: string) => path === '/proc/1/ns/net' };
const off = { 'net.mptcp.enabled': '0' };
const specOf = (network: { type: string; path?: string }[], sysctl?: Record<string, string>) => ({
  linux: { namespaces: [{ type: 'pid' }, ...network], ...(sysctl === undefined ? {} : { sysctl }) },
});

test('MPTCP is off in a network namespace of the container, named or not', (t) => {
  for (const network of [{ type: 'network', path: '/run/netns/shop' }, { type: 'network' }]) {
    t.deepEqual(withoutMptcp(specOf([network]), facts).linux?.sysctl, off);
  }
});

test('other switches stay, and so does what the owner wants of this one', (t) => {
  const network = [{ type: 'network' }];
  t.deepEqual(withoutMptcp(specOf(network, { 'net.core.somaxconn': '9' }), facts).linux?.sysctl, {
    ...off,
    'net.core.somaxconn': '9',
  });
  t.deepEqual(withoutMptcp(specOf(network, { 'net.mptcp.enabled': '1' }), facts).linux?.sysctl, {
    'net.mptcp.enabled': '1',
  });
});

test('the network namespace of the node is left alone, and so is a kernel without MPTCP', (t) => {
  for (const spec of [specOf([]), specOf([{ type: 'network', path: '/proc/1/ns/net' }]), {}])
    t.is(withoutMptcp(spec, facts), spec);
  const spec = specOf([{ type: 'network' }]);
  t.is(withoutMptcp(spec, { ...facts, hasSwitch: false }), spec);
});
