import { describe, expect, test } from 'vitest'
import type { ApiClient, ApiRequest } from '../../watch/kubernetes/api/client.ts'
import { ApiError, ApiUnreachable } from '../../watch/kubernetes/api/errors.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { Lease, type LeaseTiming } from './lease.ts'

interface Stored {
  metadata: { resourceVersion: string }
  spec: { holderIdentity: string; leaseTransitions: number; renewTime: string }
}

/** Where replicas compete: one Lease, with the API server's way of letting only one write at a time. */
class Board {
  stored: Stored | undefined
  away = false
  #version = 0

  readonly client: Pick<ApiClient, 'request'> = {
    request: (request) => {
      try {
        return Promise.resolve(this.#answer(request))
      } catch (error) {
        return Promise.reject(error)
      }
    },
  }

  #answer({ method = 'GET', body }: ApiRequest): unknown {
    if (this.away) throw new ApiUnreachable('away')
    const written = body as Stored
    switch (method) {
      case 'POST':
        if (this.stored) throw new ApiError('exists', 409, 'AlreadyExists')
        break
      case 'PUT':
        if (written.metadata.resourceVersion !== this.stored?.metadata.resourceVersion) {
          throw new ApiError('changed', 409, 'Conflict')
        }
        break
      default:
        if (!this.stored) throw new ApiError('none', 404, 'NotFound')
        return structuredClone(this.stored)
    }
    this.stored = { ...written, metadata: { ...written.metadata, resourceVersion: String(++this.#version) } }
    return this.stored
  }
}

const timing: LeaseTiming = { duration: 1_000, deadline: 150, retry: 20 }

function replica(board: Board, identity: string): Lease {
  const client = board.client as ApiClient
  return new Lease({
    client,
    namespace: 'weft-system',
    name: 'writers',
    identity,
    log: recordingLog().log,
    timing,
  })
}

describe('a lease', () => {
  test('is held by one of several, and renewed', async () => {
    const board = new Board()
    await using a = replica(board, 'a')
    await until(() => a.holding.current)
    await using b = replica(board, 'b')
    await using c = replica(board, 'c')
    const { renewTime } = board.stored!.spec
    expect(renewTime).toMatch(/\.\d{6}Z$/)
    for (let i = 0; i < 20; i++) {
      await pause(10)
      expect([a, b, c].filter(({ holding }) => holding.current)).toEqual([a])
    }
    expect(board.stored!.spec.renewTime > renewTime).toBe(true)
  })

  test('is handed on at once by a replica that ends', async () => {
    const board = new Board()
    const a = replica(board, 'a')
    await until(() => a.holding.current)
    await using b = replica(board, 'b')
    await pause(50)
    const began = performance.now()
    await a[Symbol.asyncDispose]()
    await until(() => b.holding.current)
    expect(performance.now() - began).toBeLessThan(500)
    expect(board.stored!.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 })
  })

  test('is taken from a holder that says nothing, but only after as long as it promised to', async () => {
    const board = new Board()
    const spec = {
      holderIdentity: 'dead',
      leaseDurationSeconds: 1,
      leaseTransitions: 4,
      renewTime: '2000-01-01',
    }
    board.stored = { metadata: { resourceVersion: '7' }, spec }
    await using b = replica(board, 'b')
    // What its clock says counts for nothing.
    await pause(800)
    expect(b.holding.current).toBe(false)
    await until(() => b.holding.current)
    expect(board.stored.spec.leaseTransitions).toBe(5)
  })

  test('is given up by a holder that cannot renew, before anybody else may take it', async () => {
    const board = new Board()
    await using a = replica(board, 'a')
    await until(() => a.holding.current)
    board.away = true
    const began = performance.now()
    await until(() => !a.holding.current)
    expect(performance.now() - began).toBeLessThan(timing.duration - 300)
    board.away = false
    await until(() => a.holding.current)
  })

  test('tells who waits for it', async () => {
    const board = new Board()
    const told: boolean[] = []
    const a = replica(board, 'a')
    a.holding.subscribe((holding) => told.push(holding))
    await until(() => a.holding.current)
    await a[Symbol.asyncDispose]()
    expect(told).toEqual([true, false])
  })
})

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (holds()) return
    await pause(10)
  }
  throw new Error('it never came to hold')
}
