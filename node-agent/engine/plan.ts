// What a handover would meet: the checks of both nodes, a rehearsal of the dump, and what it would freeze. Changes
// nothing.
import { randomUUID } from 'node:crypto';
import type { HandoverRecord, HandoverRequest, Plan, Refusal } from '#core/api/handover.ts';
import type { RehearsalFigures } from '#core/api/rehearsal.ts';
import { protocolVersion } from '#core/wire/messages.ts';
import type { EnginePorts, SourceFacts } from '#agent/engine/ports.ts';
import { prepareMessage } from '#agent/engine/prepare-message.ts';
import { epochNow } from '#agent/engine/timeline.ts';
import { forecastFreeze } from '#agent/rehearsal/forecast.ts';
import { incompatibilities } from '#agent/preflight/compatibility.ts';

export async function planHandover(
  ports: EnginePorts,
  { container, to }: HandoverRequest,
  records: readonly HandoverRecord[],
): Promise<Plan> {
  const id = `plan-${randomUUID()}`;
  const source = ports.source(id, container);
  const facts = await source.facts();
  const atTarget = await askTarget(ports, facts, id, to);
  const files = await measureFiles(ports, facts);
  const before = [...facts.refusals, ...atTarget.refusals];
  const { figures, ...rehearsal } = before.length > 0 ? { refusals: [], notes: [] } : await source.rehearse();
  const refusals = [...before, ...rehearsal.refusals];
  const found = new Set(refusals.map(({ code }) => code));
  return {
    container,
    to,
    from: ports.config.node,
    checks: [
      ...facts.checks.map(({ check, code, fact }) => ({ check, ok: !found.has(code), fact })),
      {
        check: 'target',
        ok: atTarget.refusals.length === 0,
        fact:
          atTarget.refusals.length === 0 ? `${to} can take it` : `${atTarget.refusals.length} reasons against ${to}`,
      },
      ...rehearsalCheck(figures, rehearsal.refusals),
    ],
    refusals,
    notes: [...facts.notes, ...atTarget.notes, ...rehearsal.notes],
    ...(figures === undefined ? {} : { forecast: forecastFreeze(figures, records, ports.config) }),
    estimate: {
      memoryBytes: facts.memoryBytes,
      files: files.entries,
      fileBytes: files.bytes,
      connections: source.liveConnections(),
    },
  };
}

function rehearsalCheck(figures: RehearsalFigures | undefined, [refusal]: readonly Refusal[]): Plan['checks'] {
  if (refusal !== undefined) return [{ check: 'rehearsal', ok: false, fact: refusal.fact }];
  return figures === undefined
    ? []
    : [
        {
          check: 'rehearsal',
          ok: true,
          fact: `CRIU can dump it: it stood still for ${Math.round(figures.pauseMs)} ms`,
        },
      ];
}

async function askTarget(ports: EnginePorts, facts: SourceFacts, handover: string, to: string) {
  const attachments = facts.spec.netns === undefined ? [] : await ports.links.attachmentsOf(facts.spec.netns);
  const connection = await ports.connect(to);
  try {
    await connection.send({
      type: 'hello',
      protocol: protocolVersion,
      handover,
      sentAt: epochNow(),
      purpose: 'preflight',
    });
    const welcome = await connection.expect(ports.config.deadlines.prepareMs, 'welcome');
    await connection.send(await prepareMessage(facts, attachments, ports));
    const { refusals, notes } = await connection.expect(ports.config.deadlines.prepareMs, 'refused');
    const known = new Set(refusals.map(({ code }) => code));
    const own = incompatibilities(await ports.nodeFacts(), welcome.facts).filter(({ code }) => !known.has(code));
    return { refusals: [...own, ...refusals], notes };
  } finally {
    connection.destroy();
  }
}

async function measureFiles(ports: EnginePorts, facts: SourceFacts): Promise<{ entries: number; bytes: number }> {
  const total = { entries: 0, bytes: 0 };
  for (const root of facts.roots) {
    await using sender = ports.files.sender(root);
    const { entries, bytes } = await sender.measure();
    total.entries += entries;
    total.bytes += bytes;
  }
  return total;
}
