import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  cidrContains,
  cidrFromBytes,
  cidrOf,
  formatCidr,
  formatSocketAddress,
  ipFromBytes,
  ipToBytes,
  networkOf,
  parseCidr,
  parseIp,
  parseSocketAddress,
} from './address.ts'

const v4Bytes = fc.uint8Array({ minLength: 4, maxLength: 4 })
// Half of the bytes are zero, so that runs of zero groups and the ties between them occur.
const sparseByte = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 }))
const v6Bytes = fc.array(sparseByte, { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes))
const bytes = fc.oneof(v4Bytes, v6Bytes, v4Bytes.map(mappedBytes))
const ip = bytes.map((bytes) => ipFromBytes(bytes)!)
/** Text near to being an address, as well as any other. */
const nearly = fc.oneof(
  fc.string(),
  fc.stringMatching(/^[0-9a-f:.[\]/%]{0,24}$/),
  ip,
  fc.ipV4Extended(),
  fc.ipV6(),
)
const range = fc
  .tuple(ip, fc.nat(128))
  .map(([ip, length]) => networkOf(`${ip}/${isIPv4(ip) ? length % 33 : length}`)!)

describe('parseIp', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '10.0.0.1'],
    ['::10.0.0.1', '::a00:1'],
    ['1:2:3:4:5:6:10.0.0.1', '1:2:3:4:5:6:a00:1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is %s', (written, canonical) => {
    expect(parseIp(written)).toBe(canonical)
  })

  it.each([
    '',
    '10',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.01',
    '0x0a.0.0.1',
    '10.0.0.1 ',
    ' ::1',
    '1::2::3',
    ':::',
    '[::1]',
  ])('refuses %j', (written) => {
    expect(parseIp(written)).toBeUndefined()
  })

  it.each(['fe80::1%eth0', 'fe80::1%', '::%0'])('refuses the zone of %j', (written) => {
    expect(parseIp(written)).toBeUndefined()
  })

  it('takes what node:net takes, zones aside, and writes it the same way again', () => {
    fc.assert(
      fc.property(nearly, (written) => {
        const parsed = parseIp(written)
        expect(parsed !== undefined).toBe(isIP(written) !== 0 && !written.includes('%'))
        if (parsed !== undefined) expect(parseIp(parsed)).toBe(parsed)
      }),
      { numRuns: 1000 },
    )
  })

  it('writes IPv6 as URLs do', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV6(),
          v6Bytes.map((bytes) => ipFromBytes(bytes)!),
        ),
        (written) => {
          const parsed = parseIp(written)!
          if (isIPv6(parsed)) expect(parsed).toBe(new URL(`http://[${written}]`).hostname.slice(1, -1))
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('bytes', () => {
  it('come back from the text they make', () => {
    fc.assert(
      fc.property(fc.oneof(v4Bytes, v6Bytes), (bytes) => {
        const ip = ipFromBytes(bytes)!
        expect(ipToBytes(ip)).toEqual(isIPv4(ip) ? bytes.slice(-4) : bytes)
        expect(parseIp(ip)).toBe(ip)
      }),
      { numRuns: 1000 },
    )
  })

  it('of a mapped address are the IPv4 address', () => {
    fc.assert(
      fc.property(v4Bytes, (bytes) => {
        expect(ipFromBytes(mappedBytes(bytes))).toBe(ipFromBytes(bytes))
      }),
    )
  })

  it('of any other length are no address', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        expect(ipFromBytes(bytes) === undefined).toBe(bytes.length !== 4 && bytes.length !== 16)
      }),
    )
  })
})

describe('parseCidr', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['10.0.0.1', '10.0.0.1/32'],
    ['10.0.0.1/32', '10.0.0.1/32'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['::/0', '::/0'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
    ['::ffff:10.0.0.1', '10.0.0.1/32'],
  ])('%s is %s', (written, canonical) => {
    expect(formatCidr(parseCidr(written)!)).toBe(canonical)
  })

  it.each([
    '',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.1/8',
    '10.0.0.128/24',
    '2001:db8::1/64',
    '::/129',
    // Eight leading bits of an IPv6 address, which has others set: not the IPv4 range 10.0.0.0/8.
    '::ffff:10.0.0.0/8',
    '::ffff:10.0.0.1/104',
    '10.0.0.0/8 ',
    'fe80::%1/64',
  ])('refuses %j', (written) => {
    expect(parseCidr(written)).toBeUndefined()
  })

  it('comes back from its text and from its bytes', () => {
    fc.assert(
      fc.property(range, (range) => {
        expect(parseCidr(formatCidr(range))).toEqual(range)
        expect(cidrFromBytes(range.bytes, range.length)).toEqual(range)
      }),
    )
  })

  it('never throws, and contains its own address where it takes the text', () => {
    fc.assert(
      fc.property(
        nearly,
        fc.oneof(
          fc.constant(''),
          fc.nat(140).map((length) => `/${length}`),
        ),
        (text, length) => {
          const range = parseCidr(text + length)
          if (range !== undefined) expect(cidrContains(range, range.ip)).toBe(true)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('takes any bytes and length without throwing', () => {
    const length = fc.oneof(fc.integer({ min: -2, max: 140 }), fc.double())
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), length, (bytes, length) => {
        const range = cidrFromBytes(bytes, length)
        if (range !== undefined) expect(parseCidr(formatCidr(range))).toEqual(range)
      }),
    )
  })

  it('does not change with the bytes that it was made from', () => {
    const bytes = Uint8Array.of(10, 0, 0, 0)
    const range = cidrFromBytes(bytes, 8)!
    bytes[0] = 11
    expect(cidrContains(range, parseIp('10.1.1.1')!)).toBe(true)
  })
})

describe('networkOf', () => {
  it.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.3/31', '10.1.2.2/31'],
    ['2001:db8::1/33', '2001:db8::/33'],
    ['::ffff:10.1.2.3/104', '10.0.0.0/8'],
    ['10.1.2.3', '10.1.2.3/32'],
  ])('of %s is %s', (written, network) => {
    expect(formatCidr(networkOf(written)!)).toBe(network)
  })

  it.each(['10.1.2.3/33', 'x/8', '::1/129'])('of %s is none', (written) => {
    expect(networkOf(written)).toBeUndefined()
  })
})

describe('cidrContains', () => {
  it('agrees with node:net', () => {
    const near = range.chain((range) =>
      fc.record({
        range: fc.constant(range),
        // One bit away from the range's own address, so that boundaries are met.
        ip: fc.oneof(
          ip,
          fc.nat(range.bytes.length * 8 - 1).map((bit) => ipFromBytes(flipped(range.bytes, bit))!),
        ),
      }),
    )
    fc.assert(
      fc.property(near, ({ range, ip }) => {
        const family = isIPv4(range.ip) ? 'ipv4' : 'ipv6'
        const list = new BlockList()
        list.addSubnet(range.ip, range.length, family)
        const sameFamily = isIPv4(ip) === isIPv4(range.ip)
        expect(cidrContains(range, ip)).toBe(sameFamily && list.check(ip, family))
      }),
      { numRuns: 2000 },
    )
  })

  it('holds one address and no other in the range of one', () => {
    fc.assert(
      fc.property(ip, ip, (a, b) => {
        expect(cidrContains(cidrOf(a), b)).toBe(a === b)
        expect(cidrOf(a)).toEqual(parseCidr(a))
      }),
    )
  })
})

describe('parseSocketAddress', () => {
  it.each([
    ['10.0.0.1:80', { ip: '10.0.0.1', port: 80 }],
    ['[2001:DB8::1]:65535', { ip: '2001:db8::1', port: 65535 }],
    ['[::ffff:10.0.0.1]:80', { ip: '10.0.0.1', port: 80 }],
  ])('%s', (written, address) => {
    expect(parseSocketAddress(written)).toEqual(address)
  })

  it.each([
    '',
    '10.0.0.1',
    '10.0.0.1:',
    '10.0.0.1:0',
    '10.0.0.1:080',
    '10.0.0.1:65536',
    '10.0.0.1:99999',
    '10.0.0.1:-1',
    '10.0.0.1:80 ',
    ' 10.0.0.1:80',
    '10.0.0.1:80\n',
    '10.0.0.01:80',
    '[10.0.0.1]:80',
    '2001:db8::1:80',
    '[2001:db8::1]',
    '[2001:db8::1%eth0]:80',
    'localhost:80',
    'http://10.0.0.1:80',
    '10.0.0.1:80@10.0.0.2:80',
  ])('refuses %j', (written) => {
    expect(parseSocketAddress(written)).toBeUndefined()
  })

  it('comes back from its text', () => {
    fc.assert(
      fc.property(ip, fc.integer({ min: 1, max: 65535 }), (ip, port) => {
        expect(parseSocketAddress(formatSocketAddress({ ip, port }))).toEqual({ ip, port })
      }),
    )
  })

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          nearly,
          fc.tuple(nearly, fc.nat(70_000)).map(([ip, port]) => `${ip}:${port}`),
        ),
        (text) => {
          const address = parseSocketAddress(text)
          if (address !== undefined) expect(parseIp(address.ip)).toBe(address.ip)
        },
      ),
      { numRuns: 1000 },
    )
  })
})

function mappedBytes(v4: Uint8Array): Uint8Array {
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...v4)
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (0x80 >> (bit & 7)) : byte))
}
