import { createHash, timingSafeEqual } from 'node:crypto'
import type { IpAddress } from '#mesh/address.ts'
import { findProbe, type ProbeCall, type ProbeKind, type ProbeTable, parseProbePath } from '#mesh/probes.ts'
import type { HttpAnswer, HttpRequest, Route } from '#runtime/http.ts'
import type { CallOutcome } from './call.ts'
import { callGrpc } from './call-grpc.ts'
import { callHttp } from './call-http.ts'
import { callTcp } from './call-tcp.ts'

export interface ProbesOptions {
  readonly table: ProbeTable
  /** The pod's own address, the one that the kubelet dials. */
  readonly ip: IpAddress
}

/**
 * Carries the application's probes and hooks out in the kubelet's place, whose own plaintext strict keeps out. Only what
 * the pod declared can be called, only by who knows the nonce, and only the status comes back.
 */
export function probeRoute({ table, ip }: ProbesOptions): Route {
  return async (request) => {
    const asked = permitted(table, request.path)
    if (!asked) return unknown
    const { call, isHook } = asked
    const limit = call.timeout === undefined ? undefined : AbortSignal.timeout(call.timeout * 1_000)
    const signal = limit ? AbortSignal.any([request.signal, limit]) : request.signal
    const outcome = await carryOut(call, ip, request, signal)
    // Of a hook any answer is a good one to the kubelet, so that no answer must be passed on as none.
    return isHook && outcome.kind !== 'answered' ? { body: '', hangUp: true } : answerOf(outcome)
  }
}

const unknown: HttpAnswer = { status: 404, body: 'no such probe\n' }

interface Asked {
  readonly call: ProbeCall
  readonly isHook: boolean
}

function permitted(table: ProbeTable, path: string): Asked | undefined {
  const address = parseProbePath(path)
  if (!address || !sameSecret(address.nonce, table.nonce)) return undefined
  const call = findProbe(table, address)
  return call && { call, isHook: hooks.includes(address.kind) }
}

const hooks: readonly ProbeKind[] = ['post-start', 'pre-stop']

/** In constant time: digests are of one length, whatever was sent. */
function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

function carryOut(
  call: ProbeCall,
  ip: IpAddress,
  { headers }: HttpRequest,
  signal: AbortSignal,
): Promise<CallOutcome> {
  const userAgent = headers['user-agent']
  switch (call.kind) {
    case 'http':
      return callHttp(call, { ip, signal, userAgent })
    case 'tcp':
      return callTcp(call, { ip, signal })
    case 'grpc':
      return callGrpc(call, { ip, signal, userAgent })
  }
}

/** The kubelet takes 200 to 399 for good. */
function answerOf(outcome: CallOutcome): HttpAnswer {
  switch (outcome.kind) {
    case 'answered':
      return { status: outcome.status, body: '' }
    case 'good':
      return { status: 200, body: '' }
    case 'bad':
      return { status: 503, body: '' }
    case 'late':
      return { status: 504, body: '' }
  }
}
