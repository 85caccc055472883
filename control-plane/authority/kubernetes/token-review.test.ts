import { describe, expect, test } from 'vitest'
import type { ApiClient, ApiRequest } from '../../watch/kubernetes/api/client.ts'
import { reviewToken } from './token-review.ts'

const user = {
  username: 'system:serviceaccount:shop:cart',
  extra: {
    'authentication.kubernetes.io/pod-name': ['cart-1'],
    'authentication.kubernetes.io/pod-uid': ['1234'],
  },
}
const good = { authenticated: true, audiences: ['weft-ca'], user }

function answering(status: unknown) {
  const requests: ApiRequest[] = []
  const client: Pick<ApiClient, 'request'> = {
    request(request) {
      requests.push(request)
      return Promise.resolve({ status })
    },
  }
  return { requests, review: (token = 'token') => reviewToken(client as ApiClient, token) }
}

describe('a review', () => {
  test('answers who the token is bound to, and asks for our audience', async () => {
    const { requests, review } = answering(good)
    const caller = { namespace: 'shop', podName: 'cart-1', podUid: '1234', serviceAccount: 'cart' }
    expect(await review('abc')).toEqual(caller)
    expect(requests[0]?.body).toMatchObject({ spec: { token: 'abc', audiences: ['weft-ca'] } })
  })

  test.each([
    ['not_authenticated', { authenticated: false, error: 'token expired' }],
    ['not_authenticated', {}],
    ['not_authenticated', undefined],
    ['foreign_audience', { ...good, audiences: undefined }],
    ['foreign_audience', { ...good, audiences: ['https://kubernetes.default.svc'] }],
    ['malformed', { ...good, user: { ...user, username: 'alice' } }],
    ['malformed', { ...good, user: { ...user, username: 'system:serviceaccount:shop' } }],
    ['malformed', { ...good, user: { ...user, username: 'system:serviceaccount:shop:cart:admin' } }],
    ['malformed', { ...good, user: { ...user, extra: {} } }],
    [
      'malformed',
      { ...good, user: { ...user, extra: { ...user.extra, 'authentication.kubernetes.io/pod-uid': [] } } },
    ],
    [
      'malformed',
      {
        ...good,
        user: { ...user, extra: { ...user.extra, 'authentication.kubernetes.io/pod-name': ['a', 'b'] } },
      },
    ],
    ['malformed', { ...good, user: undefined }],
  ])('refuses as %s what says %j', async (reason, status) => {
    await expect(answering(status).review()).rejects.toMatchObject({ name: 'TokenRefused', reason })
  })

  test('is not asked for what is too long to be a token', async () => {
    const { requests, review } = answering(good)
    await expect(review('x'.repeat(20_000))).rejects.toMatchObject({ reason: 'malformed' })
    expect(requests).toEqual([])
  })
})
