import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatFlatDocument, parseFlatDocument } from './flat-document.ts'
import {
  noIdentityRequests,
  parseIdentityRequests,
  type Revocation,
  revocationEntry,
  rotationEntry,
} from './identity-requests.ts'

const at = Date.UTC(2026, 10, 28, 12)
const podUid = '0b7a91f4-8d3c-4c6e-9a51-1f2e3d4c5b6a'
const revocation: Revocation = { podUid, namespace: 'shop', pod: 'frontend-1', at, reason: 'stolen' }

describe('requests about identities', () => {
  it('are none where nothing was asked', () => {
    expect(parseIdentityRequests({})).toEqual({ requests: noIdentityRequests, problems: [] })
  })

  it('are read as they were written', () => {
    const data = Object.fromEntries([rotationEntry(at), revocationEntry(revocation)])
    expect(parseIdentityRequests(data)).toEqual({
      requests: { rotation: '2026-11-28T12:00:00.000Z', revocations: new Map([[podUid, revocation]]) },
      problems: [],
    })
  })

  it('apply one by one: what cannot be read is named', () => {
    const [key, value] = revocationEntry(revocation)
    const { requests, problems } = parseIdentityRequests({ rotate: 'now', renew: 'yes', [key]: value })
    expect(requests).toEqual({ rotation: undefined, revocations: new Map([[podUid, revocation]]) })
    expect(problems).toEqual([
      'rotate: "now" is no time: write one as 2026-11-28T12:00:00Z',
      'renew: is no request: write rotate or revoke.<pod UID>',
    ])
  })

  it.each(['', 'null', '[]', '{', '{"namespace":"shop"}', '{"namespace":"shop","pod":"a","at":7}'])(
    'revoke a pod whose entry holds %j',
    (value) => {
      const { requests, problems } = parseIdentityRequests({ [`revoke.${podUid}`]: value })
      expect([...requests.revocations.keys()]).toEqual([podUid])
      expect(problems).toEqual([expect.stringMatching(/^revoke\.0b7a.*the pod is revoked all the same$/)])
    },
  )

  it('revoke nobody without a UID', () => {
    const { requests, problems } = parseIdentityRequests({ 'revoke.': '{}', 'revoke.a/b': '{}' })
    expect(requests.revocations.size).toBe(0)
    expect(problems).toHaveLength(2)
  })

  it('never throw, and never lose a UID', () => {
    const entry = fc.tuple(
      fc.oneof(
        fc.uuid().map((uid) => `revoke.${uid}`),
        fc.string(),
      ),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const data = Object.fromEntries(entries)
        const { revocations } = parseIdentityRequests(data).requests
        const asked = Object.keys(data).filter((key) => /^revoke\.[0-9a-f-]{36}$/.test(key))
        expect(asked.every((key) => revocations.has(key.slice(7)))).toBe(true)
      }),
    )
  })
})

describe('a flat document', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (entries) => {
        expect(parseFlatDocument(formatFlatDocument(entries))).toEqual({ ...entries })
      }),
    )
  })

  it('keeps the keys of values that are no strings', () => {
    expect(parseFlatDocument('{"a":1,"b":{"c":[]},"d":null}')).toEqual({ a: '1', b: '{"c":[]}', d: 'null' })
  })

  it.each(['', '[]', '"a"', 'null', '{'])('is nothing else: %j', (text) => {
    expect(parseFlatDocument(text)).toBeUndefined()
  })
})
