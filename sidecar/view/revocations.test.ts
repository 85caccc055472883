import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TestPki } from '../testing/pki.ts'
import { revocationList, serialBytes } from '../testing/revocation-list.ts'
import { parseRevocations, serialsIn } from './revocations.ts'

const pki = new TestPki()

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')
}

/** The bytes that DER has for a serial: no more of them than its sign needs. */
const serial = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => {
  const start = bytes.findIndex((byte) => byte !== 0)
  return start < 0 ? Uint8Array.of(0) : serialBytes(Buffer.from(bytes.subarray(start)).toString('hex'))
})

function textOf(bytes: Uint8Array): string {
  const digits = Buffer.from(bytes[0] === 0 && bytes.length > 1 ? bytes.subarray(1) : bytes).toString('hex')
  return digits === '00' ? '0' : digits.toUpperCase()
}

describe('a revocation list', () => {
  it('names certificates as they name themselves', () => {
    const leaves = Array.from({ length: 20 }, () => new X509Certificate(pki.leaf({}).chain[0]!).serialNumber)
    const pem = revocationList(pki.issuer, leaves.map(serialBytes))
    expect(parseRevocations(pem)).toEqual(new Set(leaves))
  })

  it('yields each of its serials, whatever else it carries', () => {
    fc.assert(
      fc.property(fc.array(serial), fc.boolean(), fc.boolean(), (serials, nextUpdate, extensions) => {
        const pem = revocationList(pki.issuer, serials, { nextUpdate, extensions })
        expect([...serialsIn(derOf(pem))]).toEqual(serials.map(textOf))
      }),
    )
  })

  it('may be one of several, as while an issuer is renewed', () => {
    const other = new TestPki()
    const pem =
      revocationList(pki.issuer, [serialBytes('0A')]) + revocationList(other.issuer, [serialBytes('FF00')])
    expect(parseRevocations(`# ours\n${pem}`)).toEqual(new Set(['0A', 'FF00']))
  })

  it.each([
    [[0x00], '0'],
    [[0x7f], '7F'],
    [[0x00, 0x80], '80'],
    [[0x80], '-80'],
    [[0xff], '-01'],
  ])('writes the integer %j as %s', (bytes, text) => {
    expect([...serialsIn(derOf(revocationList(pki.issuer, [Uint8Array.from(bytes)])))]).toEqual([text])
  })

  it('is none without PEM, and is named by its place when it is damaged', () => {
    const good = revocationList(pki.issuer, [])
    expect(() => parseRevocations('CRL')).toThrow('holds no PEM revocation list')
    const junk = '-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n'
    expect(() => parseRevocations(good + junk)).toThrow(
      'revocation list 2 cannot be parsed: a value is cut short',
    )
  })

  it('that is cut short or changed anywhere is read or refused, in time that grows with its length only', () => {
    const whole = derOf(
      revocationList(
        pki.issuer,
        Array.from({ length: 50 }, (_, i) => Uint8Array.of(i + 1)),
      ),
    )
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const damaged = Buffer.from(cut ? whole.subarray(0, at) : whole)
        if (!cut) damaged[at] = byte
        let error: unknown
        let count = 0
        try {
          for (const _ of serialsIn(damaged)) count += 1
        } catch (caught) {
          error = caught
        }
        if (error !== undefined) expect((error as Error).name).toBe('DerError')
        expect(count).toBeLessThanOrEqual(whole.length)
        if (cut) expect(error).toBeDefined()
      }),
      { numRuns: 2_000 },
    )
  })

  it('of any bytes is read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          expect([...serialsIn(bytes)].length).toBeLessThanOrEqual(bytes.length)
        } catch (error) {
          expect((error as Error).name).toBe('DerError')
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
