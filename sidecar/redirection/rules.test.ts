import { array, assert, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCidr } from '#mesh/address.ts'
import type { Exclusions } from '#mesh/exclusions.ts'
import { redirectionRules, removalRules } from './rules.ts'

const nothing: Exclusions = { inboundPorts: [], outboundPorts: [], outboundRanges: [] }
const ranges = ['192.0.2.0/24', 'fd12::/48', '198.51.100.7'].map((text) => parseCidr(text)!)

describe('redirection as text', () => {
  test('IPv4', () => {
    expect(redirectionRules('ipv4', nothing)).toMatchInlineSnapshot(`
      "*nat
      :WEFT_INBOUND - [0:0]
      :WEFT_OUTPUT - [0:0]
      # An address that is not this pod’s is somebody using the pod as a relay.
      -A WEFT_INBOUND -m addrtype ! --dst-type LOCAL -j RETURN
      # The tunnel, metrics and readiness listeners take their connections themselves.
      -A WEFT_INBOUND -p tcp -m multiport --dports 15008,15020,15021 -j RETURN
      -A WEFT_INBOUND -p tcp -j REDIRECT --to-ports 15006
      # The capture canary: the sidecar dials it itself, so it comes ahead of the owner match. On loopback only, or a
      # connection to it at the pod’s own address, which the sidecar would dial, would come back to the sidecar for ever.
      -A WEFT_OUTPUT -p tcp -d 127.0.0.1/32 --dport 15099 -j REDIRECT --to-ports 15001
      # The sidecar’s own traffic.
      -A WEFT_OUTPUT -m owner --uid-owner 1337 -j RETURN
      # Within the pod, its own addresses included.
      -A WEFT_OUTPUT -o lo -j RETURN
      # Cloud metadata and the local link.
      -A WEFT_OUTPUT -d 169.254.0.0/16 -j RETURN
      -A WEFT_OUTPUT -p tcp -j REDIRECT --to-ports 15001
      -I PREROUTING 1 -p tcp -j WEFT_INBOUND
      -I OUTPUT 1 -p tcp -j WEFT_OUTPUT
      COMMIT
      "
    `)
  })

  test('IPv6 differs in the canary’s address and in the addresses that are never captured', () => {
    expect(
      difference(redirectionRules('ipv4', nothing), redirectionRules('ipv6', nothing)),
    ).toMatchInlineSnapshot(`
      "- -A WEFT_OUTPUT -p tcp -d 127.0.0.1/32 --dport 15099 -j REDIRECT --to-ports 15001
      - -A WEFT_OUTPUT -d 169.254.0.0/16 -j RETURN
      + -A WEFT_OUTPUT -p tcp -d ::1/128 --dport 15099 -j REDIRECT --to-ports 15001
      + -A WEFT_OUTPUT -d fe80::/10 -j RETURN
      + -A WEFT_OUTPUT -d fd00:ec2::254/128 -j RETURN"
    `)
  })

  test('exclusions follow what is always left alone, each range in its own family', () => {
    const exclusions = { inboundPorts: [9100], outboundPorts: [587, 25, 25], outboundRanges: ranges }
    const plain = redirectionRules('ipv4', nothing)
    expect(difference(plain, redirectionRules('ipv4', exclusions))).toMatchInlineSnapshot(`
      "+ -A WEFT_INBOUND -p tcp -m multiport --dports 9100 -j RETURN
      + -A WEFT_OUTPUT -p tcp -m multiport --dports 25,587 -j RETURN
      + -A WEFT_OUTPUT -d 192.0.2.0/24 -j RETURN
      + -A WEFT_OUTPUT -d 198.51.100.7/32 -j RETURN"
    `)
    const plain6 = redirectionRules('ipv6', nothing)
    expect(difference(plain6, redirectionRules('ipv6', exclusions))).toMatchInlineSnapshot(`
      "+ -A WEFT_INBOUND -p tcp -m multiport --dports 9100 -j RETURN
      + -A WEFT_OUTPUT -p tcp -m multiport --dports 25,587 -j RETURN
      + -A WEFT_OUTPUT -d fd12::/48 -j RETURN"
    `)
  })

  test('jumps that are there already are replaced, other people’s rules are not touched', () => {
    expect(
      difference(redirectionRules('ipv4', nothing), redirectionRules('ipv4', nothing, present)),
    ).toMatchInlineSnapshot(`
        "+ -D PREROUTING -p tcp -j WEFT_INBOUND
        + -D PREROUTING -p tcp -j WEFT_INBOUND
        + -D OUTPUT -p tcp -j WEFT_OUTPUT"
      `)
  })

  test('removal takes out jumps, rules and chains, and nothing else', () => {
    expect(removalRules(present)).toMatchInlineSnapshot(`
      "*nat
      -D PREROUTING -p tcp -j WEFT_INBOUND
      -D PREROUTING -p tcp -j WEFT_INBOUND
      -D OUTPUT -p tcp -j WEFT_OUTPUT
      -F WEFT_INBOUND
      -F WEFT_OUTPUT
      -X WEFT_INBOUND
      -X WEFT_OUTPUT
      COMMIT
      "
    `)
  })

  test('there is no removal where nothing of ours is', () => {
    expect(removalRules('*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n')).toBeUndefined()
    expect(removalRules('')).toBeUndefined()
  })

  test('any number of ports fits: at most 15 a rule, each port once', () => {
    const port = integer({ min: 1, max: 65_535 })
    assert(
      property(array(port, { maxLength: 200 }), (outboundPorts) => {
        const text = redirectionRules('ipv4', { ...nothing, outboundPorts })
        const lists = [...text.matchAll(/WEFT_OUTPUT -p tcp -m multiport --dports (\S+)/g)].map((match) =>
          match[1]!.split(',').map(Number),
        )
        expect(lists.every((list) => list.length <= 15)).toBe(true)
        expect(lists.flat()).toEqual([...new Set(outboundPorts)].sort((a, b) => a - b))
      }),
    )
  })
})

const present = `*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER_OUTPUT - [0:0]
:WEFT_INBOUND - [0:0]
:WEFT_OUTPUT - [0:0]
-A PREROUTING -p tcp -j WEFT_INBOUND
-A PREROUTING -p tcp -j WEFT_INBOUND
-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT
-A OUTPUT -p tcp -j WEFT_OUTPUT
-A WEFT_INBOUND -p tcp -j REDIRECT --to-ports 15006
COMMIT
`

/** The lines of `b` that `a` lacks with `+`, and those of `a` that `b` lacks with `-`. */
function difference(a: string, b: string): string {
  const [before, after] = [a.split('\n'), b.split('\n')]
  return [
    ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
  ].join('\n')
}
