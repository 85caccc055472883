import { injectKey } from '#mesh/annotations.ts'
import { Environment } from '#runtime/env.ts'
import { type Namespace, namespaceOf } from '../decide/namespace.ts'
import { type Injection, inject, type Outcome } from '../inject.ts'
import { applyOperations } from '../offline/apply.ts'
import { parsePod } from '../pod.ts'
import { readSettings } from '../settings.ts'

export const nonce = '00112233445566778899aabbccddeeff'

/** As an injector with default settings does it, but for what would be different each time. */
export const injection: Injection = {
  settings: readSettings(
    new Environment({ WEFT_SIDECAR_IMAGE: 'weft/sidecar:test', WEFT_INIT_IMAGE: 'weft/init:test' }),
  ),
  createNonce: () => nonce,
}

/** One whose pods are to be injected. */
export const shop: Namespace = namespaceOf('shop', { [injectKey]: 'enabled' })

/** What becomes of a pod as somebody wrote it; throws for one that is none. */
export function reviewed(pod: unknown, namespace = shop, how: Partial<Injection> = {}): Outcome {
  const parsed = parsePod(pod)
  if (parsed.kind === 'refused') throw new Error(parsed.message)
  return inject(parsed.pod, namespace, { ...injection, ...how })
}

/** The pod as it leaves the injector; throws for one that is not injected. */
export function injected<T>(pod: T): T {
  const outcome = reviewed(pod)
  if (outcome.kind !== 'injected') throw new Error(`it was ${outcome.kind}`)
  return applyOperations(pod, outcome.operations) as T
}
