import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { temporaryFolder } from '#control-plane/authority/testing/temporary-folder.ts'
import { TestPki } from '#sidecar/testing/pki.ts'
import { followRoot } from './follow-root.ts'
import type { ServingCertificate } from './serving-certificate.ts'

const [old, next] = [new TestPki(), new TestPki()]
const pem = (...pkis: readonly TestPki[]) => pkis.map(({ root }) => root.certificate.toString()).join('')

function certificateOf(pki: TestPki): ServingCertificate {
  const { key, chain } = pki.leaf({})
  return { key, chain: chain.slice(0, 2).join('\n'), serial: '01', notBefore: 0, notAfter: 1 }
}

test('a certificate is renewed early once another root comes first in the bundle, and once only', async () => {
  using folder = temporaryFolder()
  const trustBundle = join(folder.path, 'bundle.pem')
  await writeFile(trustBundle, pem(old))
  let current: ServingCertificate | undefined = certificateOf(old)
  const hasten = vi.fn<(within: number) => void>()
  const end = new AbortController()
  const certificates = { current: () => current, hasten }
  const following = followRoot({ certificates, trustBundle, interval: 5, spread: 1_000 }, end.signal)
  const looks = () => new Promise((resolve) => setTimeout(resolve, 60))

  await looks()
  await writeFile(trustBundle, pem(old, next))
  await looks()
  await writeFile(trustBundle, 'what?')
  await looks()
  expect(hasten).not.toHaveBeenCalled()

  await writeFile(trustBundle, pem(next, old))
  await vi.waitFor(() => expect(hasten).toHaveBeenCalledExactlyOnceWith(1_000))
  await looks()
  expect(hasten).toHaveBeenCalledOnce()

  // Signed under the old root once more, by a replica that was behind.
  current = certificateOf(old)
  await vi.waitFor(() => expect(hasten).toHaveBeenCalledTimes(2))
  current = certificateOf(next)
  await looks()
  expect(hasten).toHaveBeenCalledTimes(2)
  end.abort()
  await following
})
