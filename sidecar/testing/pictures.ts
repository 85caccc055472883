import type { X509Certificate } from 'node:crypto'
import type { Authorization } from '#mesh/policy/authorization.ts'
import { emptyMatch, type Match } from '#mesh/policy/authorization.ts'
import { settings, workload } from '#mesh/testing/mesh.ts'
import { Connections } from '../connections/connections.ts'
import type { ConnectionRecord } from '../connections/record.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'
import { type Update, View } from '../view/view.ts'

/** This pod, as the control plane tells it. */
export const self = workload('self', ['127.0.0.1'])

/** A bundle of which only the fingerprints matter. */
export function trusting(...roots: readonly string[]): TrustBundle {
  const byFingerprint = new Map(roots.map((root) => [root, undefined as unknown as X509Certificate]))
  return { trustDomain: 'cluster.local', roots: [], byFingerprint, revoked: new Set() }
}

/** The bundle of `trusting('root')` that takes certificates back. */
export function revoking(...serials: readonly string[]): TrustBundle {
  return { ...trusting('root'), revoked: new Set(serials) }
}

/** A view that has everything a sidecar needs, and what else the update brings. */
export function settledView(update: Update = {}): View {
  const view = new View({ ownUid: self.uid })
  const { workloads = [], ...rest } = update
  view.apply({ settings: settings(), trust: trusting('root'), workloads: [self, ...workloads], ...rest })
  return view
}

/** Connections that write down what they report. */
export function recordedConnections(view: View) {
  const connected: ConnectionRecord[] = []
  const reported: ConnectionRecord[] = []
  const connections = new Connections({
    view,
    connected: (record) => void connected.push(record),
    report: (record) => void reported.push(record),
  })
  return { connections, connected, reported }
}

/** A policy of `shop` with one rule of one match; without a match it has no rule. */
export function policy(name: string, action: 'allow' | 'deny', match?: Partial<Match>): Authorization {
  const rules = match ? [{ clauses: [{ matches: [{ ...emptyMatch, ...match }] }] }] : []
  return { key: `shop/${name}`, name, namespace: 'shop', scope: 'workload', action, rules, dryRun: false }
}
