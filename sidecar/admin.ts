import { formatCidr } from '#mesh/address.ts'
import { snapshotDocument } from '#mesh/snapshot-document.ts'
import { formatSpiffeId } from '#mesh/spiffe-id.ts'
import type { Route } from '#runtime/http.ts'
import { type Log, type LogLevel, logLevels } from '#runtime/log.ts'
import type { Connections } from './connections/connections.ts'
import { describeConnection } from './connections/describe.ts'
import type { Certificate } from './credentials/certificate.ts'
import type { Credentials } from './credentials/credentials.ts'
import type { Readiness } from './readiness.ts'
import type { Picture, View } from './view/view.ts'

export interface Admin {
  readonly view: View
  readonly connections: Connections
  readonly credentials: Credentials
  readonly readiness: Readiness
  readonly connected: () => boolean
  readonly log: Log
}

/** What an operator may see and do from inside the pod. Never a key. */
export function adminRoutes({ view, connections, credentials, readiness, connected, log }: Admin) {
  return {
    'GET /config': () => ({ body: describePicture(view.current(), connected(), readiness.missing()) }),
    'GET /picture': () => ({
      body: {
        own: view.ownUid,
        waitsFor: readiness.missing(),
        controlPlane: connected() ? 'connected' : 'away',
        mesh: snapshotDocument(view.current()),
      },
    }),
    'GET /connections': () => ({ body: [...connections.live()].map(describeConnection) }),
    'GET /certificate': () => ({ body: describeCertificate(credentials.current()) }),
    'POST /certificate/renew': async () => {
      try {
        return { body: describeCertificate(await credentials.renew()) }
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        return {
          status: 503,
          body: { error: `the authority gave no certificate; the old one stays: ${reason}` },
        }
      }
    },
    'GET /log-level': () => ({ body: { level: log.level } }),
    'PUT /log-level': ({ body }) => {
      const level = logLevels.find((known): known is LogLevel => known === body.trim())
      if (!level) return { status: 400, body: { error: `write one of ${logLevels.join(', ')}` } }
      log.level = level
      return { body: { level } }
    },
  } satisfies Record<string, Route>
}

function describePicture(picture: Picture, connected: boolean, missing: string | undefined) {
  const { own, settings, trust } = picture
  return {
    ready: missing === undefined,
    waitsFor: missing,
    controlPlane: connected ? 'connected' : 'away',
    own: own && { uid: own.uid, identity: formatSpiffeId(own.identity), policies: own.authorizationPolicies },
    settings: { ...settings, networks: settings.networks.map(formatCidr) },
    trust: trust && {
      trustDomain: trust.trustDomain,
      roots: [...trust.byFingerprint.keys()],
      revoked: [...trust.revoked],
    },
    policies: [...picture.authorizations.values()].map(({ key, action, scope, dryRun, rules }) => ({
      name: key,
      action,
      scope,
      dryRun,
      rules: rules.length,
    })),
    services: [...picture.services.values()].map(({ key, addresses, ports }) => ({
      name: key,
      addresses: addresses.map(({ ip }) => ip),
      ports,
      endpoints: picture.endpointsOf(key).map((workload) => workload.uid),
    })),
    workloads: [...picture.workloads.values()].map((workload) => ({
      uid: workload.uid,
      identity: formatSpiffeId(workload.identity),
      addresses: workload.addresses,
      tunnel: workload.tunnel,
      health: workload.health,
    })),
  }
}

function describeCertificate(certificate: Certificate | undefined) {
  if (!certificate) return { identity: null }
  const { identity, serial, notBefore, notAfter, chain } = certificate
  return {
    identity: formatSpiffeId(identity),
    serial,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    secondsLeft: Math.round((notAfter - Date.now()) / 1_000),
    chain,
  }
}
