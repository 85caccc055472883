import { describe, expect, test } from 'vitest'
import { type Caller, TokenRefused } from '../tokens.ts'
import { ReviewedTokens } from './reviewed-tokens.ts'

const caller: Caller = { namespace: 'shop', podName: 'cart-1', podUid: 'uid', serviceAccount: 'cart' }

/** A token that ends so many seconds after 1970; only that part of it is read. */
function token(expiry: number, id = ''): string {
  return `${id}.${Buffer.from(JSON.stringify({ exp: expiry })).toString('base64url')}.signature`
}

function reviews(answer: (token: string) => Promise<Caller> = () => Promise.resolve(caller)) {
  const clock = { now: 0 }
  const asked: string[] = []
  const review = (presented: string) => {
    asked.push(presented)
    return answer(presented)
  }
  return { clock, asked, tokens: new ReviewedTokens({ review, now: () => clock.now }) }
}

describe('the API server', () => {
  test('is asked once for those who come at once, and for a while after', async () => {
    const { clock, asked, tokens } = reviews()
    const presented = token(3_600)
    expect(await Promise.all([1, 2, 3].map(() => tokens.callerOf(presented)))).toEqual([
      caller,
      caller,
      caller,
    ])
    clock.now += 29_000
    await tokens.callerOf(presented)
    expect(asked).toHaveLength(1)
    clock.now += 2_000
    await tokens.callerOf(presented)
    expect(asked).toHaveLength(2)
  })

  test('is asked about each token by itself', async () => {
    const { asked, tokens } = reviews()
    await tokens.callerOf(token(3_600, 'a'))
    await tokens.callerOf(token(3_600, 'b'))
    expect(asked).toHaveLength(2)
  })

  test('is asked again once the token has ended, and each time for one that does not say when', async () => {
    const { clock, asked, tokens } = reviews()
    await tokens.callerOf(token(10))
    clock.now = 10_001
    await tokens.callerOf(token(10))
    expect(asked).toHaveLength(2)
    await tokens.callerOf('opaque')
    await tokens.callerOf('opaque')
    expect(asked).toHaveLength(4)
  })

  test('is spared a token that it refused, but only for a moment', async () => {
    const refused = new TokenRefused('not_authenticated', 'no')
    const { clock, asked, tokens } = reviews(() => Promise.reject(refused))
    await expect(tokens.callerOf(token(3_600))).rejects.toBe(refused)
    await expect(tokens.callerOf(token(3_600))).rejects.toBe(refused)
    expect(asked).toHaveLength(1)
    clock.now += 2_001
    await expect(tokens.callerOf(token(3_600))).rejects.toBe(refused)
    expect(asked).toHaveLength(2)
  })

  test('is asked again when it could not judge', async () => {
    const { asked, tokens } = reviews(() => Promise.reject(new Error('away')))
    await expect(tokens.callerOf(token(3_600))).rejects.toThrow('away')
    await expect(tokens.callerOf(token(3_600))).rejects.toThrow('away')
    expect(asked).toHaveLength(2)
  })

  test('may be asked about any number of tokens, of which the newest are remembered', async () => {
    const { asked, tokens } = reviews()
    for (let i = 0; i <= 20_000; i++) await tokens.callerOf(token(3_600, String(i)))
    await tokens.callerOf(token(3_600, '20000'))
    expect(asked).toHaveLength(20_001)
    await tokens.callerOf(token(3_600, '0'))
    expect(asked).toHaveLength(20_002)
  })
})
