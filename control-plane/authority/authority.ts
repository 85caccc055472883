import type { X509Certificate } from 'node:crypto'
import { spiffeId } from '#mesh/spiffe-id.ts'
import type { IstioCertificateServiceServer } from '#proto/istio/v1/auth/ca.ts'
import type { Log } from '#runtime/log.ts'
import type { Registry } from '#runtime/metrics.ts'
import { certificateService } from './certificate-service.ts'
import { Changeable, type Changing } from './changing.ts'
import { followStore } from './follow-store.ts'
import { Issuer } from './issuer.ts'
import { authorityMetrics } from './metrics.ts'
import { RateLimit } from './rate-limit.ts'
import { Renewals } from './renewals.ts'
import { openRoot } from './root.ts'
import { controlPlaneNames, injectorNames, Serving, type ServingCertificate } from './serving.ts'
import type { SignerStore } from './signer-store.ts'
import type { TokenVerifier } from './tokens.ts'
import { trustBundle } from './trust.ts'

export interface AuthorityOptions {
  /** Where root and issuer are kept. */
  readonly store: SignerStore
  /** Brings the trust bundle, in PEM, to where clients find it before they know anything else. */
  readonly publishTrust: (bundle: string) => Promise<void>
  readonly trustDomain: string
  /** The control plane's own namespace. */
  readonly namespace: string
  /** Milliseconds that a certificate is good for. */
  readonly lifetime: number
  readonly log: Log
  readonly metrics: Registry
  /** Milliseconds since 1970; a port for tests. */
  readonly now?: () => number
}

/** Who signs identities. Everything that it keeps renews itself. */
export interface Authority {
  /** The handlers of `IstioCertificateService`. */
  certificateService(verifier: TokenVerifier): IstioCertificateServiceServer
  /** All roots in PEM, for SDS. */
  readonly trustBundle: Changing<string>
  /** What the gRPC server shows to those who dial it. */
  readonly serving: Changing<ServingCertificate>
  /** Renews what is due; happens by itself too. */
  renew(): Promise<void>
  close(): void
}

/** Opens the authority, with keys that are made on first use. Rejects with AuthorityStateError. */
export async function createAuthority(options: AuthorityOptions): Promise<Authority> {
  const { store, trustDomain, namespace, lifetime, log, now = Date.now } = options
  const identity = spiffeId(trustDomain, namespace, 'weft-control-plane')
  if (!identity) throw new TypeError(`no identity in trust domain "${trustDomain}", namespace "${namespace}"`)
  const root = await openRoot(store, trustDomain, now())
  const issuer = await Issuer.open(store, root, now())
  const serving = new Serving({
    issuer,
    identity,
    dnsNames: controlPlaneNames(namespace),
    lifetime,
    now: now(),
  })
  const bundle = new Changeable(trustBundle([root.certificate]))
  await options.publishTrust(bundle.current)

  const metrics = authorityMetrics(options.metrics)
  const observe = () => {
    metrics.expiry.set({ certificate: 'root' }, seconds(root.certificate))
    metrics.expiry.set({ certificate: 'issuer' }, seconds(issuer.signer.certificate))
    metrics.expiry.set({ certificate: 'serving' }, serving.certificate.current.notAfter / 1_000)
  }
  observe()
  const unfollow = followStore(store, { root, issuer, log, adopted: observe })
  const renewals = new Renewals([issuer, serving], { log, now, renewed: observe })
  const limits = { perPod: new RateLimit(podRate), perIdentity: new RateLimit(identityRate) }
  return {
    trustBundle: bundle,
    serving: serving.certificate,
    renew: async () => void (await renewals.run()),
    close() {
      unfollow()
      renewals.close()
    },
    certificateService: (verifier) =>
      certificateService({
        verifier,
        identityOf: (caller) => spiffeId(trustDomain, caller.namespace, caller.serviceAccount),
        dnsNamesOf: (caller) => injectorNames(caller, namespace),
        lifetime,
        issuer: () => issuer.signer,
        roots: [root.certificate.toString()],
        limits,
        records: { log, metrics },
        now,
      }),
  }
}

/** A pod needs two certificates a day, and some more when it restarts in a loop. */
const podRate = { burst: 20, perSecond: 0.5 }
/** Five hundred replicas may start together. */
const identityRate = { burst: 500, perSecond: 20 }

function seconds(certificate: X509Certificate): number {
  return certificate.validToDate.getTime() / 1_000
}
