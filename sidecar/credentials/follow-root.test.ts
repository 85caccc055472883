import { expect, test, vi } from 'vitest'
import { TestPki } from '../testing/pki.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'
import type { Certificate } from './certificate.ts'
import { followRoot } from './follow-root.ts'

const [old, next] = [new TestPki(), new TestPki()]
const certificate = {} as Certificate
const rootOf = (pki: TestPki) => pki.root.certificate.fingerprint256

function following() {
  const state = { trust: old.trust() as TrustBundle | undefined, root: rootOf(old) as string | undefined }
  const hasten = vi.fn<(within: number) => void>()
  let changed = (): void => {}
  let renewed = (): void => {}
  followRoot({
    credentials: {
      current: () => certificate,
      root: () => state.root,
      hasten,
      onRenewed: (listener) => {
        renewed = listener
      },
    },
    trust: () => state.trust,
    onChange: (listener) => {
      changed = listener
    },
    spread: 100,
  })
  return {
    hasten,
    trusting(trust: TrustBundle) {
      state.trust = trust
      changed()
    },
    /** Its root was taken out of the bundle. */
    underNone() {
      state.root = undefined
    },
    renewedUnder(pki: TestPki) {
      state.root = rootOf(pki)
      renewed()
    },
    changedOtherwise: () => changed(),
  }
}

test('a certificate is renewed early when another root signs, and not when one is merely added', () => {
  const { hasten, trusting, renewedUnder, changedOtherwise } = following()
  trusting(old.trust(next))
  expect(hasten).not.toHaveBeenCalled()
  trusting(next.trust(old))
  expect(hasten).toHaveBeenCalledExactlyOnceWith(100)
  changedOtherwise()
  expect(hasten).toHaveBeenCalledOnce()
  renewedUnder(next)
  trusting(next.trust())
  expect(hasten).toHaveBeenCalledOnce()
})

test('a certificate under no root of the bundle, which a sidecar has that was away, is renewed early too', () => {
  const { hasten, trusting, underNone } = following()
  underNone()
  trusting(next.trust())
  expect(hasten).toHaveBeenCalledExactlyOnceWith(100)
})

test('an authority that goes on signing under another root is asked ever more seldom', () => {
  const { hasten, trusting, renewedUnder } = following()
  trusting(next.trust(old))
  renewedUnder(old)
  renewedUnder(old)
  expect(hasten.mock.calls).toEqual([[100], [200], [400]])
  trusting(old.trust(next))
  trusting(next.trust(old))
  expect(hasten).toHaveBeenLastCalledWith(800)
})
