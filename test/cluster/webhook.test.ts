import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectl } from './harness/kubectl.ts'
import { PortForward } from './harness/port-forward.ts'

let forward: PortForward

beforeAll(async () => {
  const names = await kubectl(['get', 'pods', '-o', 'name'], { namespace: 'weft-system' })
  const injector = names.split('\n').find((name) => name.includes('weft-injector'))!
  forward = await PortForward.open('weft-system', injector.replace('pod/', ''), 15017)
})
afterAll(() => forward[Symbol.asyncDispose]())

describe('the webhook, asked what no API server asks', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  }
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      namespace: 'default',
      operation: 'CREATE',
      object: pod,
    },
  }
  const refused: readonly (readonly [what: string, body: string])[] = [
    ['nothing', ''],
    ['garbage', '\u0000\u0001garbage'],
    ['half of a review', JSON.stringify(review).slice(0, 100)],
    ['another version', JSON.stringify({ ...review, apiVersion: 'admission.k8s.io/v1beta1' })],
    [
      'a review of something else',
      JSON.stringify({
        ...review,
        request: { ...review.request, kind: { group: 'apps', version: 'v1', kind: 'Deployment' } },
      }),
    ],
    ['lists in lists in lists', '['.repeat(100_000)],
  ]

  test.each(refused)('%s is refused', async (_, body) => {
    expect(await post(body)).toBe(400)
  })

  test('5 MB are refused without being read whole', async () => {
    expect([413, 'ECONNRESET', 'EPIPE']).toContain(await post(`"${'a'.repeat(5 << 20)}"`))
  })

  test('and it answers the next review', async () => {
    expect(await post(JSON.stringify(review))).toBe(200)
  })
})

/** The status of the answer, or the error's code. */
function post(body: string): Promise<number | string | undefined> {
  return new Promise((resolve) => {
    const url = `${forward.url.replace('http:', 'https:')}inject`
    const headers = { 'content-type': 'application/json' }
    // Who it is that answers is the API server's to prove; here it is what it answers.
    const sent = request(
      url,
      { method: 'POST', headers, rejectUnauthorized: false, timeout: 10_000 },
      (response) => {
        response.resume()
        resolve(response.statusCode)
      },
    )
    sent.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    sent.once('timeout', () => sent.destroy(new Error('no answer')))
    sent.end(body)
  })
}
