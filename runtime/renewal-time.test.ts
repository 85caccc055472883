import fc from 'fast-check'
import { expect, it } from 'vitest'
import { renewalTime } from './renewal-time.ts'

it('a certificate is renewed at half its life, or up to a tenth of it earlier', () => {
  const life = fc.record({
    notBefore: fc.integer({ min: 0, max: 2 ** 42 }),
    lifetime: fc.integer({ min: 0, max: 2 ** 40 }),
    random: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(life, ({ notBefore, lifetime, random }) => {
      const at = renewalTime({ notBefore, notAfter: notBefore + lifetime }, random)
      expect(at).toBeGreaterThanOrEqual(notBefore + lifetime * 0.4 - 1)
      expect(at).toBeLessThanOrEqual(notBefore + lifetime * 0.5 + 1)
    }),
  )
  expect(renewalTime({ notBefore: 0, notAfter: 100 }, 1)).toBe(50)
  expect(renewalTime({ notBefore: 0, notAfter: 100 }, 0)).toBe(40)
})
