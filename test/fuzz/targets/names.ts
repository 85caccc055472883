import {
  cidrFromBytes,
  formatCidr,
  formatSocketAddress,
  ipFromBytes,
  ipToBytes,
  parseCidr,
  parseIp,
  parseSocketAddress,
} from '#mesh/address.ts'
import { formatSpiffeId, parseSpiffeId, sameIdentity } from '#mesh/spiffe-id.ts'
import { parseSubjectAltName } from '#sidecar/credentials/certificate.ts'
import { check, type Target } from '../target.ts'

/** The `:authority` of a CONNECT: an address and a port, or nothing. */
const authority: Target = {
  name: 'authority',
  seeds: () =>
    ['10.0.0.1:80', '[fd00::1]:8080', '[::ffff:1.2.3.4]:1', 'localhost:80', '1.2.3.4', '[::]:0'].map(text),
  words: ['[', ']', ':', '::', '::ffff:', '65535', '%eth0', '\0', '@', '0x7f', '127.0.0.1'],
  run(input) {
    const address = parseSocketAddress(input.toString('latin1'))
    if (!address) return 'refused'
    const written = formatSocketAddress(address)
    const again = parseSocketAddress(written)
    check(
      again !== undefined && formatSocketAddress(again) === written,
      'an address is read as it is written',
    )
    check(parseIp(address.ip) === address.ip, 'an address is in its one form')
    check(Number.isInteger(address.port) && address.port > 0 && address.port < 65_536, 'a port is one')
    return address.ip.includes(':') ? 'ipv6' : 'ipv4'
  },
}

/** Addresses as bytes, as the kernel and xDS have them. */
const addressBytes: Target = {
  name: 'address-bytes',
  seeds: () =>
    ['0a000001', '00000000', 'fd770000000000000000000000000001', '00000000000000000000ffff0a000001'].map(hex),
  words: ['ffff', '00000000000000000000ffff'].map(hex),
  run(input) {
    const ip = ipFromBytes(input)
    if (ip) {
      check(parseIp(ip) === ip, 'an address of bytes is in its one form')
      check(ipFromBytes(ipToBytes(ip)) === ip, 'an address has its own bytes')
    }
    const cidr = cidrFromBytes(input.subarray(1), input[0] ?? 0)
    if (cidr) {
      const written = formatCidr(cidr)
      const again = parseCidr(written)
      check(again !== undefined && formatCidr(again) === written, 'a network is read as it is written')
    }
    return `${ip ? 'ip' : 'none'}-${cidr ? 'network' : 'none'}`
  },
}

/** The names of a certificate as Node shows them: one identity of the mesh, or none. */
const subjectAltName: Target = {
  name: 'subject-alt-name',
  seeds: () =>
    [
      'URI:spiffe://cluster.local/ns/shop/sa/frontend',
      'DNS:a.example, URI:spiffe://cluster.local/ns/shop/sa/frontend',
      'URI:spiffe://cluster.local/ns/shop/sa/a, URI:spiffe://cluster.local/ns/shop/sa/b',
      'URI:"spiffe://cluster.local/ns/shop/sa/frontend\\u0000.evil"',
    ].map(text),
  words: ['URI:', ', ', 'DNS:', 'spiffe://', '/ns/', '/sa/', '"', '\0', '..', '%2f', '\n', '//'],
  run(input) {
    const names = input.toString('latin1')
    const identity = parseSubjectAltName(names)
    if (!identity) return parseSpiffeId(names) ? 'bare' : 'none'
    const written = formatSpiffeId(identity)
    const again = parseSpiffeId(written)
    check(again !== undefined && sameIdentity(again, identity), 'an identity is read as it is written')
    check(names.includes(`URI:${written}`), 'an identity was named letter by letter')
    check(names.split('URI:').length === 2 || !/, URI:.*, URI:/.test(`, ${names}`), 'there was one URI')
    return 'identity'
  },
}

function text(value: string): Buffer {
  return Buffer.from(value, 'latin1')
}

function hex(value: string): Buffer {
  return Buffer.from(value, 'hex')
}

export const nameTargets = [authority, addressBytes, subjectAltName]
