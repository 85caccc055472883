import { describe, expect, test } from 'vitest'
import { makeRoot, pluggedRoot, type Root } from '../root.ts'
import { start } from '../testing/authority.ts'
import { type RotationState, trustedRoots } from './state.ts'
import { formatState, parseState } from './stored-state.ts'

const places = { certificate: 'Secret a/b tls.crt', privateKey: 'Secret a/b tls.key' }
const a = makeRoot('cluster.local', start)
const b = makeRoot('cluster.local', start)
const passage = { since: start + 1_000, handled: '2026-11-28T12:00:00Z' }

const states: readonly RotationState<Root>[] = [
  { phase: 'stable', signing: a, ...passage },
  { phase: 'stable', signing: a, since: start, handled: undefined },
  { phase: 'spreading', signing: a, next: b, ...passage },
  { phase: 'reissuing', signing: b, old: a, ...passage },
  { phase: 'retiring', signing: b, old: a, ...passage },
]

function read(data: Readonly<Record<string, string>>, trustDomain = 'cluster.local') {
  return parseState(data, trustDomain, places)
}

describe.each(states)('the state $phase', (state) => {
  test('is read as it was written', () => {
    const { state: again, foreign } = read(formatState(state, 'cluster.local'))
    expect(foreign).toBe(false)
    const { phase, since, handled } = state
    expect(again).toMatchObject({ phase, since, handled })
    const certificates = (one: RotationState<Root>) =>
      trustedRoots(one).map(({ certificate }) => certificate.toString())
    expect(certificates(again)).toEqual(certificates(state))
    expect(again.signing.privateKey?.equals(state.signing.privateKey!)).toBe(true)
  })

  test('keeps the keys of those that sign, or will, alone', () => {
    const keys = Object.values(formatState(state, 'cluster.local')).filter((text) =>
      text.includes('PRIVATE KEY'),
    )
    expect(keys).toHaveLength(state.phase === 'spreading' ? 2 : 1)
  })
})

test('a root and its key alone are a mesh that never rotated', () => {
  const { 'tls.crt': certificate, 'tls.key': key } = formatState(states[0]!, 'cluster.local')
  expect(read({ 'tls.crt': certificate!, 'tls.key': key! })).toMatchObject({
    state: { phase: 'stable', handled: undefined },
    foreign: true,
  })
})

test('a root that somebody put in the place of another is told from it', () => {
  const data = { ...formatState(states[3]!, 'cluster.local'), ...formatted(makeRoot('cluster.local', start)) }
  const { state, foreign } = read(data)
  expect(foreign).toBe(true)
  expect(state).toMatchObject({ phase: 'stable', handled: passage.handled })
})

test.each([
  ['old.crt', 3, '', 'Secret a/b old.crt holds no CA certificate'],
  ['next.crt', 2, 'what?', 'Secret a/b next.crt holds no CA certificate'],
  ['next.key', 2, 'what?', 'Secret a/b next.key holds no P-256 private key'],
  ['next.key', 2, undefined, 'Secret a/b next.key is missing'],
  ['tls.key', 1, undefined, 'Secret a/b tls.key is missing'],
] as const)('a damaged %s is named', (part, index, text, message) => {
  const { [part]: _, ...rest } = formatState(states[index]!, 'cluster.local')
  expect(() => read(text === undefined ? rest : { ...rest, [part]: text })).toThrow(message)
})

test('a root that is plugged in, and names no trust domain, is refused under another one too', () => {
  const signing = pluggedRoot(makeRoot('somebody.example', start).certificate)
  const data = formatState({ phase: 'stable', signing, ...passage }, 'cluster.local')
  expect(read(data).state.signing.plugged).toBe(true)
  expect(() => read(data, 'example.org')).toThrow(
    'Secret a/b tls.crt is the root of spiffe://cluster.local, the mesh is spiffe://example.org',
  )
})

test('the roots of another trust domain are refused', () => {
  expect(() => read(formatState(states[0]!, 'cluster.local'), 'example.org')).toThrow(
    'is the root of spiffe://cluster.local',
  )
})

function formatted(root: Root) {
  const { 'tls.crt': certificate, 'tls.key': key } = formatState(
    { phase: 'stable', signing: root, ...passage },
    'cluster.local',
  )
  return { 'tls.crt': certificate!, 'tls.key': key! }
}
