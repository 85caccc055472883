import { expect, test } from 'vitest'
import { deriveKey, passwordBytes, purposes } from './key-derivation.ts'

/** Published ones: they are in the tests of several libraries, and come from the makers of PKCS #12. */
test.each([
  [purposes.key, 'smeg', '0a58cf64530d823f', 1, '8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3'],
  [purposes.initializationVector, 'smeg', '0a58cf64530d823f', 1, '79993dfe048d3b76'],
  [purposes.mac, 'smeg', '3d83c0e4546ac140', 1, '8d967d88f6caa9d714800ab3d48051d63f73a312'],
  [purposes.key, 'queeg', '05dec959acff72f7', 1_000, 'ed2034e36328830ff09df1e1a07dd357185dac0d4f9eb3d4'],
  [purposes.initializationVector, 'queeg', '05dec959acff72f7', 1_000, '11dedad7758d4860'],
  [purposes.mac, 'queeg', '263216fcc2fab31c', 1_000, '5ec4c7a80df652294c3925b6489a7ab857c83476'],
])('derives what others do (%s, %s)', async (purpose, password, salt, iterations, expected) => {
  const derived = await deriveKey({
    digest: 'sha1',
    purpose,
    password: passwordBytes(password),
    salt: Buffer.from(salt, 'hex'),
    iterations,
    length: expected.length / 2,
  })
  expect(derived.toString('hex')).toBe(expected)
})

test('lets others run between many rounds', async () => {
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  const password = passwordBytes('x')
  const derivation = { digest: 'sha256', purpose: purposes.mac, password, salt: Buffer.of(1) } as const
  await deriveKey({ ...derivation, iterations: 100_000, length: 32 })
  clearInterval(timer)
  expect(turns).toBeGreaterThan(5)
})
