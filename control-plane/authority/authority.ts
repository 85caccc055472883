import type { KeyObject } from 'node:crypto'
import type { UntypedServiceImplementation } from '@grpc/grpc-js'
import { spiffeId } from '#mesh/spiffe-id.ts'
import type { Log } from '#runtime/log.ts'
import type { Registry } from '#runtime/metrics.ts'
import type { Authenticate } from './bearer.ts'
import type { Signer } from './certificate.ts'
import { certificateService, type Revocable } from './certificate-service.ts'
import { Changeable, type Changing } from './changing.ts'
import { followIssuer } from './follow-issuer.ts'
import { endOf } from './issue.ts'
import { Issuer } from './issuer.ts'
import { certificateLimits } from './limits.ts'
import { authorityMetrics } from './metrics.ts'
import { pluggedMetrics } from './plugged/metrics.ts'
import { pluggedSigners, plugIn } from './plugged/plug-in.ts'
import { Plugged } from './plugged/plugged.ts'
import type { CaSource } from './plugged/source.ts'
import { unplug } from './plugged/unplug.ts'
import { Renewals } from './renewals.ts'
import { makeRoot, pluggedRoot, type Root } from './root.ts'
import type { Prospect } from './rotation/advance.ts'
import { Roots } from './rotation/roots.ts'
import { oldRoot, trustedRoots } from './rotation/state.ts'
import { LiveSerials } from './serials/live-serials.ts'
import { SurplusKeys } from './serials/surplus-keys.ts'
import { controlPlaneNames, injectorNames, Serving, type ServingCertificate } from './serving.ts'
import type { SignerStore } from './signer-store.ts'
import { PublishedTrust, trustBundle } from './trust.ts'

export interface AuthorityOptions {
  /** Where root and issuer are kept. */
  readonly store: SignerStore
  /** Where somebody plugs in the authority to sign with; without it root and issuer are made here. */
  readonly pluggedCa?: CaSource | undefined
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
  /** The handlers of `certificateServiceDefinition`. */
  certificateService(authenticate: Authenticate, revocable: Revocable): UntypedServiceImplementation
  /** Who signs workloads' certificates now. */
  readonly signer: Signer
  readonly roots: Roots
  /** All roots in PEM, for SDS; the one that signs is the first. */
  readonly trustBundle: Changing<string>
  /** Whether certificates are signed under the root that is to sign. */
  readonly settled: boolean
  /** Whether anything could sign under another root. */
  prospect(root: Root): Prospect
  /** Whether the newest bundle was brought to where clients find it first. */
  readonly trustPublished: boolean
  /** When the issuer and the serving certificate end, in milliseconds since 1970. */
  readonly ends: { readonly issuer: number; readonly serving: number }
  /** What the gRPC server shows to those who dial it. */
  readonly serving: Changing<ServingCertificate>
  /** Renews what is due; happens by itself too. */
  renew(): Promise<void>
  close(): void
}

/** Opens the authority, with keys that are made on first use. Rejects with AuthorityStateError. */
export async function createAuthority(options: AuthorityOptions): Promise<Authority> {
  const { store, pluggedCa: source, trustDomain, namespace, lifetime, log, now = Date.now } = options
  const identity = spiffeId(trustDomain, namespace, 'weft-control-plane')
  if (!identity) throw new TypeError(`no identity in trust domain "${trustDomain}", namespace "${namespace}"`)
  const names = { identity, dnsNames: controlPlaneNames(namespace) }
  const plugged =
    source && new Plugged({ source, names, lifetime, log, now, metrics: pluggedMetrics(options.metrics) })
  await plugged?.looked()
  const makeFirst = async (key: KeyObject | undefined) =>
    plugged ? pluggedRoot((await plugged.good()).root) : makeRoot(trustDomain, now(), key)
  const roots = await Roots.open({ store, trustDomain, log, makeFirst, now })
  const { current: state } = roots.state
  const issuer = await Issuer.open({
    store,
    root: state.signing,
    old: oldRoot(state),
    now: now(),
    plugged: plugged && pluggedSigners(plugged),
  })
  const serving = new Serving({
    issuer,
    ...names,
    lifetime,
    now: now(),
  })
  const rootsInPem = () => trustedRoots(roots.state.current).map(({ certificate }) => certificate.toString())
  const bundle = new Changeable(trustBundle(rootsInPem()))
  const published = new PublishedTrust({ bundle, publish: options.publishTrust, log })
  await published.first()

  const metrics = authorityMetrics(options.metrics)
  const ends = () => ({
    issuer: endOf(issuer.signer),
    serving: serving.certificate.current.notAfter,
  })
  const observe = () => {
    const { signing } = roots.state.current
    metrics.expiry.set({ certificate: 'root' }, signing.certificate.validToDate.getTime() / 1_000)
    // What somebody else made is theirs to renew.
    const [shown, hidden] = issuer.root.plugged
      ? (['plugged_ca', 'issuer'] as const)
      : (['issuer', 'plugged_ca'] as const)
    metrics.expiry.set({ certificate: shown }, ends().issuer / 1_000)
    metrics.expiry.remove({ certificate: hidden })
    metrics.expiry.set({ certificate: 'serving' }, ends().serving / 1_000)
  }
  observe()
  const renewals = new Renewals([issuer, serving], { log, now, renewed: observe })
  const adopted = () => {
    observe()
    void renewals.run()
  }
  const unfollow = [roots.follow(), followIssuer(store, { issuer, log, adopted })]
  roots.state.subscribe(({ signing }) => {
    bundle.set(trustBundle(rootsInPem()))
    issuer.moveTo(signing)
    // Word of the issuer that another replica made may have come before this.
    const taken = roots.moving || issuer.settled ? Promise.resolve() : issuer.adopt()
    void taken.then(adopted, (error: unknown) => log.error('what is stored could not be followed', { error }))
  })
  unfollow.push(
    plugged
      ? plugIn(plugged, { roots, issuer, log, adopted })
      : unplug(roots, () => makeRoot(trustDomain, now())),
  )
  const limits = certificateLimits(lifetime)
  const surplus = new SurplusKeys({ lifetime, log, counted: metrics.surplusKeys, now })
  const live = new LiveSerials(now)
  return {
    get signer() {
      return issuer.signer
    },
    roots,
    trustBundle: bundle,
    get settled() {
      return issuer.settled
    },
    prospect: (root) => issuer.prospect(root),
    get trustPublished() {
      return published.done
    },
    get ends() {
      return ends()
    },
    serving: serving.certificate,
    renew: async () => void (await renewals.run()),
    close() {
      plugged?.close()
      for (const end of unfollow) end()
      published.close()
      renewals.close()
    },
    certificateService: (authenticate, revocable) =>
      certificateService({
        authenticate,
        identityOf: (caller) => spiffeId(trustDomain, caller.namespace, caller.serviceAccount),
        dnsNamesOf: (caller) => injectorNames(caller, namespace),
        lifetime,
        issuer: () => issuer.signer,
        roots: rootsInPem,
        limits,
        revocable,
        surplus,
        live,
        records: { log, metrics },
        now,
      }),
  }
}
