import type { X509Certificate } from 'node:crypto'
import type { V1ConfigMap } from '@kubernetes/client-node'
import { trustConfigMap } from '#mesh/injected.ts'
import { type Connection, reasonOf } from '../../kubernetes/connection.ts'
import { mapSeen, type Seen, seen } from '../../kubernetes/seen.ts'
import type { CertificateFacts, Facts, PodFacts, TrustBundleFacts } from '../facts.ts'
import { readCertificates } from './pem.ts'

export interface Where {
  readonly namespace: string
  readonly pods: Seen<readonly PodFacts[]>
}

/** The mesh's roots, and how long the control plane's certificates live: its metrics say so, without any key. */
export async function gatherCertificates(
  connection: Connection,
  { namespace, pods }: Where,
): Promise<Pick<Facts, 'trustBundle' | 'expiry'>> {
  const [bundle, expiry] = await Promise.all([
    connection.get<V1ConfigMap>(`/api/v1/namespaces/${namespace}/configmaps/${trustConfigMap}`),
    gatherExpiry(connection, { namespace, pods }),
  ])
  return {
    expiry,
    trustBundle: mapSeen(bundle, trustBundleFacts),
  }
}

/** The earliest ends that any replica tells, so that one with an old issuer is not hidden behind the others. */
async function gatherExpiry(
  connection: Connection,
  { namespace, pods }: Where,
): Promise<Seen<ReadonlyMap<string, number>>> {
  if (pods.kind !== 'seen') return pods
  const replicas = pods.value.filter(
    (pod) =>
      pod.namespace === namespace &&
      pod.ready &&
      pod.labels['app.kubernetes.io/component'] === 'control-plane',
  )
  const answers = await Promise.all(
    replicas.map(({ name }) =>
      connection.send('GET', `/api/v1/namespaces/${namespace}/pods/${name}:15014/proxy/metrics`),
    ),
  )
  const good = answers.filter(({ status }) => status < 300)
  const [first] = answers
  if (first === undefined) return { kind: 'absent' }
  if (good.length === 0) return { kind: 'hidden', why: reasonOf(first) }
  const earliest = new Map<string, number>()
  for (const [name, end] of good.flatMap(({ body }) => expiryMetrics(String(body)))) {
    earliest.set(name, Math.min(end, earliest.get(name) ?? Infinity))
  }
  return seen(earliest)
}

/** Reads `weft_authority_expiry_timestamp_seconds{certificate="issuer"} 1.8e9`. */
export function expiryMetrics(text: string): (readonly [name: string, end: number])[] {
  const line = /^weft_authority_expiry_timestamp_seconds\{[^}]*certificate="([^"]+)"[^}]*\} (\S+)$/gm
  return [...text.matchAll(line)].map(([, name = '', value]) => [name, Number(value) * 1_000] as const)
}

function trustBundleFacts({ data = {} }: V1ConfigMap): TrustBundleFacts {
  const { certificates, unreadable } = readCertificates(data['bundle.pem'] ?? '')
  return { roots: certificates.map(rootFacts), unreadable }
}

function rootFacts({ subject, fingerprint256: fingerprint, validToDate }: X509Certificate): CertificateFacts {
  return { subject: nameOf(subject), fingerprint, notAfter: validToDate.getTime() }
}

/** It has none where nobody wrote one, whatever Node's types say. */
function nameOf(subject: string | undefined): string {
  return subject?.replaceAll('\n', ', ') ?? 'without a name'
}
