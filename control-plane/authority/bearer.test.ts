import { Metadata, status } from '@grpc/grpc-js'
import { describe, expect, test } from 'vitest'
import { authenticate, peerAddress } from './bearer.ts'
import { type Caller, TokenRefused, type TokenVerifier } from './tokens.ts'

const caller: Caller = { namespace: 'shop', podName: 'cart-1', podUid: 'uid-1', serviceAccount: 'cart' }

function call(...values: string[]) {
  const metadata = new Metadata()
  for (const value of values) metadata.add('authorization', value)
  return { metadata, getPeer: () => '10.77.0.11:40000' }
}

function verifier(judge: (token: string, peer: string | undefined) => Caller): TokenVerifier {
  return { verify: async (token, peer) => judge(token, peer) }
}

describe('authenticate', () => {
  test.each(['Bearer token-1', 'bearer token-1', 'Bearer  token-1'])('takes "%s"', async (value) => {
    const seen: unknown[] = []
    const accepting = verifier((...args) => {
      seen.push(args)
      return caller
    })
    expect(await authenticate(call(value), accepting)).toEqual({ kind: 'authenticated', caller })
    expect(seen).toEqual([['token-1', '10.77.0.11']])
  })

  test.each([
    [[]],
    [['Bearer']],
    [['Bearer ']],
    [['Basic dTpw']],
    [['token-1']],
    [['Bearer a b']],
    [['Bearer a', 'Bearer b']],
  ])('says what to send instead of %j', async (values: string[]) => {
    const never = verifier(() => expect.unreachable())
    expect(await authenticate(call(...values), never)).toMatchObject({
      kind: 'refused',
      reason: 'missing_token',
      code: status.UNAUTHENTICATED,
      message: 'send one metadata entry "authorization: Bearer <token>"',
    })
  })

  test('keeps the reason from the caller, not from the log', async () => {
    const refusing = verifier(() => {
      throw new TokenRefused('pod_gone', 'the registry has no meshed pod shop/cart-1')
    })
    const answer = await authenticate(call('Bearer t'), refusing)
    expect(answer).toMatchObject({ kind: 'refused', reason: 'pod_gone', code: status.UNAUTHENTICATED })
    expect(answer).toHaveProperty('detail', 'the registry has no meshed pod shop/cart-1')
    expect(answer).toHaveProperty('message', expect.not.stringContaining('cart-1'))
  })

  test('a verifier that cannot judge is unavailable, not a refusal of the token', async () => {
    const broken = verifier(() => {
      throw new Error('connection refused by the API server')
    })
    const answer = await authenticate(call('Bearer t'), broken)
    expect(answer).toMatchObject({ reason: 'unavailable', code: status.UNAVAILABLE })
    expect(answer).toHaveProperty('message', expect.not.stringContaining('API server'))
  })
})

test.each([
  ['10.77.0.11:40000', '10.77.0.11'],
  ['::ffff:10.77.0.11:40000', '10.77.0.11'],
  ['fd00::11:40000', 'fd00::11'],
  ['[fd00::11]:40000', 'fd00::11'],
  ['unknown', undefined],
  ['', undefined],
])('the peer %j has the address %s', (peer, address) => {
  expect(peerAddress({ getPeer: () => peer })).toBe(address)
})
