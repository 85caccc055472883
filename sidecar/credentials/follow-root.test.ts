import { expect, test, vi } from 'vitest'
import { TestPki } from '../testing/pki.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'
import { followRoot } from './follow-root.ts'

const [old, next] = [new TestPki(), new TestPki()]
const rootOf = (pki: TestPki) => pki.root.certificate.fingerprint256

function following() {
  const state = { trust: old.trust() as TrustBundle | undefined, root: rootOf(old) }
  const hasten = vi.fn<(within: number) => void>()
  let changed = (): void => {}
  let renewed = (): void => {}
  followRoot({
    credentials: {
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
