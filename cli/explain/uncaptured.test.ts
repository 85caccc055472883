import { describe, expect, it } from 'vitest'
import { parseIp } from '#mesh/address.ts'
import { redirectionRules } from '#sidecar/redirection/rules.ts'
import { linkLocal, uncaptured } from './uncaptured.ts'

describe('addresses that are never redirected', () => {
  it.each(['127.0.0.1', '127.9.9.9', '::1', '169.254.169.254', 'fe80::1', 'fd00:ec2::254'])('%s', (ip) => {
    expect(uncaptured(parseIp(ip)!)).toMatch(/never redirected/)
  })

  it.each(['10.77.0.11', '128.0.0.1', '169.253.0.1', 'fd00:ec2::255', '::2'])('but %s is', (ip) => {
    expect(uncaptured(parseIp(ip)!)).toBeUndefined()
  })

  it('are those that the kernel’s rules name', () => {
    const none = { inboundPorts: [], outboundPorts: [], outboundRanges: [] }
    const rules = redirectionRules('ipv4', none) + redirectionRules('ipv6', none)
    const ranges = [...rules.matchAll(/-d (\S+) -j RETURN/g)].map(([, range]) => range)
    expect(ranges).toEqual(linkLocal)
  })
})
