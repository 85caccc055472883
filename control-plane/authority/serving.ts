import { createPublicKey } from 'node:crypto'
import type { SpiffeId } from '#mesh/spiffe-id.ts'
import { Changeable, type Changing } from './changing.ts'
import { issue } from './issue.ts'
import type { Issuer } from './issuer.ts'
import { createKey } from './keys.ts'
import type { Renewable } from './renewals.ts'
import type { Root } from './root.ts'

/** What the control plane shows to those who dial it. Its key is in memory only. */
export interface ServingCertificate {
  /** Leaf and authorities below the root, in PEM. */
  readonly chain: string
  /** PKCS #8 in PEM. */
  readonly privateKey: string
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
}

export interface ServingOptions {
  readonly issuer: Issuer
  readonly identity: SpiffeId
  readonly dnsNames: readonly string[]
  /** Milliseconds. */
  readonly lifetime: number
  readonly now: number
}

/** Keeps the control plane's own certificate. */
export class Serving implements Renewable {
  readonly label = 'serving certificate'
  readonly #options: Omit<ServingOptions, 'now'>
  readonly #certificate: Changeable<ServingCertificate>
  #under: Root

  constructor({ now, ...options }: ServingOptions) {
    this.#options = options
    this.#under = options.issuer.root
    this.#certificate = new Changeable(create(options, now))
  }

  get certificate(): Changing<ServingCertificate> {
    return this.#certificate
  }

  /** When `renew` is due, in milliseconds since 1970: half-way through its life, and at once under another root. */
  get renewAt(): number {
    if (this.#under !== this.#options.issuer.root) return 0
    const { notBefore, notAfter } = this.#certificate.current
    return (notBefore + notAfter) / 2
  }

  renew(now: number): void {
    this.#under = this.#options.issuer.root
    this.#certificate.set(create(this.#options, now))
  }
}

/** The DNS names that clients verify, for a control plane in `namespace`. */
export function controlPlaneNames(namespace: string): readonly string[] {
  return [`weft-control-plane.${namespace}.svc`, `weft-control-plane.${namespace}.svc.cluster.local`]
}

/** The DNS names of a caller that serves the API server: the injector's own, for its service account alone. */
export function injectorNames(
  caller: { readonly namespace: string; readonly serviceAccount: string },
  namespace: string,
): readonly string[] {
  if (caller.namespace !== namespace || caller.serviceAccount !== 'weft-injector') return []
  return [`weft-injector.${namespace}.svc`, `weft-injector.${namespace}.svc.cluster.local`]
}

function create(options: Omit<ServingOptions, 'now'>, now: number): ServingCertificate {
  const { issuer, identity, dnsNames, lifetime } = options
  const privateKey = createKey()
  const publicKey = createPublicKey(privateKey)
  const issued = issue({ identity, publicKey, lifetime, now, dnsNames }, issuer.signer)
  return {
    chain: issued.chain.join(''),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    notBefore: issued.notBefore,
    notAfter: issued.notAfter,
  }
}
