import { expect, test } from 'vitest'
import type { Signer } from './certificate.ts'
import { Issuer } from './issuer.ts'
import { authority } from './plugged/testing/enterprise.ts'
import { pluggedRoot } from './root.ts'
import type { SignerStore, Stored } from './signer-store.ts'

const above = authority('Root')
const [first, second] = [authority('First', above), authority('Second', above)]

test('of two that are plugged in while the first is being kept, the second is kept', async () => {
  let current: Signer = first
  let stored: Stored = { data: {}, version: undefined }
  const reads: (() => void)[] = []
  const store: SignerStore = {
    writing: true,
    places: () => ({ certificate: 'tls.crt', privateKey: 'tls.key' }),
    async read() {
      const seen = stored
      await new Promise<void>((resolve) => reads.push(resolve))
      return seen
    },
    write: async (_, data, { version }) => {
      if (version !== stored.version) return undefined
      stored = { data, version: `${version}+` }
      return stored
    },
    subscribe: () => () => {},
  }
  const plugged = { under: () => current, awaited: false, another: () => Promise.resolve() }
  const issuer = await Issuer.open({ store, root: pluggedRoot(above.certificate), now: Date.now(), plugged })
  const kept = [issuer.plugIn()]
  current = second
  kept.push(issuer.plugIn())
  const all = Promise.all(kept).then(() => 'kept')
  // The reads end in the order in which they began, each after both had seen the same.
  while ((await Promise.race([all, new Promise((resolve) => setImmediate(resolve, 'waits'))])) === 'waits') {
    reads.shift()?.()
  }
  expect([issuer.signer, stored.data['tls.crt']]).toEqual([second, second.certificate.toString()])
})
