// What the agent of a node counts; docs/reference/metrics.md is generated from it.
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { terminalStates, type HandoverRecord } from '#core/api/handover.ts';
import type { RehearsalReport } from '#core/api/rehearsal.ts';
import { liveGauge, unreadableGauge } from '#core/live-gauge.ts';
import type { KillDecision } from '#agent/kubernetes/kills/kill-decision.ts';

const stepSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export interface AgentMetrics {
  registry: Registry;
  /** A handover has come to its end on this node. */
  ended(record: HandoverRecord): void;
  decided(decision: KillDecision): void;
  /** A dump was rehearsed. */
  rehearsed(report: RehearsalReport): void;
  /** A hold has ended. */
  letGo(outcome: 'moved' | 'delivered'): void;
  /** A link of an older epoch was shut. */
  epochRefused(): void;
}

export function agentMetrics({
  heldKills,
  underway,
  bytesToCome,
  unreadable,
}: {
  heldKills(): number;
  underway(): number;
  bytesToCome(): number;
  unreadable(): Record<string, number>;
}): AgentMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const handovers = new Counter({
    name: 'godwit_handovers_total',
    help: 'Attempts at a handover that came to their end on this node.',
    labelNames: ['role', 'state', 'code'],
    registers,
  });
  const steps = new Histogram({
    name: 'godwit_handover_step_seconds',
    help: 'How long each step of a handover took, as the source saw it; step freeze is how long the processes stood still.',
    labelNames: ['lane', 'step'],
    buckets: stepSeconds,
    registers,
  });
  const bytes = new Counter({
    name: 'godwit_handover_bytes_total',
    help: 'Bytes of handovers from this node: memory images, files, all that crossed the wire.',
    labelNames: ['kind'],
    registers,
  });
  const kills = new Counter({
    name: 'godwit_kill_decisions_total',
    help: 'What became of kills of pods that run through godwit-runc.',
    labelNames: ['decision', 'reason'],
    registers,
  });
  const holds = new Counter({
    name: 'godwit_holds_ended_total',
    help: 'Pods whose kills were held: moved, or delivered in the end.',
    labelNames: ['outcome'],
    registers,
  });
  const refused = new Counter({
    name: 'godwit_epochs_refused_total',
    help: 'Links that were shut because a newer epoch of their address is held elsewhere.',
    registers,
  });
  const pauses = new Histogram({
    name: 'godwit_rehearsal_pause_seconds',
    help: 'How long each rehearsal of a dump stopped its container.',
    buckets: stepSeconds,
    registers,
  });
  const rehearsals = new Counter({
    name: 'godwit_rehearsals_total',
    help: 'Rehearsals of dumps: passed, refused by CRIU, or given up since they took too long.',
    labelNames: ['outcome'],
    registers,
  });
  liveGauge(registry, 'godwit_held_kills', 'Pods whose kills are held now.', heldKills);
  liveGauge(registry, 'godwit_handovers_underway', 'Handovers that are not over, as source or target.', underway);
  unreadableGauge(registry, unreadable);
  liveGauge(
    registry,
    'godwit_memory_to_come_bytes',
    'Memory of moved containers that is still to come in while they run; none of them is moved on before that.',
    bytesToCome,
  );
  return {
    registry,
    ended({ role, state, error, timeline, measures }) {
      if (!terminalStates.some((terminal) => terminal === state)) return;
      handovers.inc({ role, state, code: error?.code ?? '' });
      if (role !== 'source') return;
      for (const { lane, step, startedAt, finishedAt } of timeline)
        steps.observe({ lane, step }, (finishedAt - startedAt) / 1000);
      for (const [kind, value] of Object.entries({
        image: measures.imageBytes,
        file: measures.fileBytes,
        wire: measures.wireBytes,
      }))
        if (value !== undefined) bytes.inc({ kind }, value);
    },
    rehearsed({ figures, refusals }) {
      if (figures !== undefined) pauses.observe(figures.pauseMs / 1000);
      rehearsals.inc({ outcome: figures !== undefined ? 'passed' : refusals.length > 0 ? 'refused' : 'given up' });
    },
    decided: ({ decision, reason }) => kills.inc({ decision, reason }),
    letGo: (outcome) => holds.inc({ outcome }),
    epochRefused: () => refused.inc(),
  };
}
