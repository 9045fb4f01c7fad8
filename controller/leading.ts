// What the parts of the controller get while this replica leads.
import type { Controller, Reconciler } from '#core/kube/controller.ts';
import type { Events } from '#core/kube/events.ts';
import type { Cluster } from '#controller/cluster.ts';

export interface Leading {
  cluster: Cluster;
  events: Events;
  /** Starts a controller; it ends with the leadership. */
  run(reconciler: Reconciler): Controller;
  /** Called when the leadership ends. */
  subscribe(stop: () => void): void;
}
