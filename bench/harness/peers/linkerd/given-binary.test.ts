import { describe, expect, test } from 'vitest'
import { lacks } from '#test/harness/requirements.ts'
import { givenBinary } from './given-binary.ts'

const shell = {
  peer: 'shell',
  program: 'sh',
  path: '/bin/sh',
  version: (said: string) => /^version (\S+)/.exec(said)?.[1],
}

test('says what to pass when no path was given', () => {
  expect(givenBinary({ ...shell, path: undefined })).toEqual({
    kind: 'absent',
    reason: 'no sh was given: pass --peer shell=PATH, where PATH is a sh built elsewhere',
  })
})

test.each(['/nowhere/sh', '/etc/passwd', '/tmp'])('%s is no executable file', (path) => {
  expect(givenBinary({ ...shell, path })).toMatchObject({
    kind: 'absent',
    reason: expect.stringContaining(`${path} is no executable file: pass --peer shell=PATH`),
  })
})

describe.skipIf(lacks('what a given binary says'))('a given binary', () => {
  test('is asked for its version, with settings but without the caller’s', () => {
    const asked = { args: ['-c', 'echo version $NUMBER$HOME'], env: { NUMBER: '1.2' } }
    expect(givenBinary({ ...shell, ...asked })).toEqual({ kind: 'available', version: 'sh 1.2' })
  })

  test('may say it on standard error, and fail', () => {
    const available = { kind: 'available', version: 'sh 3' }
    expect(givenBinary({ ...shell, args: ['-c', 'echo version 3 >&2; exit 64'] })).toEqual(available)
  })

  test('is asked where no route leads anywhere', () => {
    const lines = 'echo version $(wc -l < /proc/net/route)'
    // At most the heading; one route would be a line more.
    expect(givenBinary({ ...shell, args: ['-c', lines] })).toMatchObject({
      version: expect.stringMatching(/^sh [01]$/),
    })
  })

  test('that says something else is another program', () => {
    expect(givenBinary({ ...shell, args: ['-c', 'echo hello'] })).toMatchObject({
      kind: 'absent',
      reason: expect.stringContaining('/bin/sh is no sh, it says "hello"'),
    })
  })
})
