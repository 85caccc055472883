import { describe, expect, it } from 'vitest'
import { shopText, snapshotOf } from '../testing/shop.ts'
import { findDestination } from './destination.ts'
import { findSource, type Source } from './source.ts'

const shop = snapshotOf(shopText)

describe('a source', () => {
  it.each([
    ['frontend-1', '10.77.0.11'],
    ['shop/catalog', '10.77.0.31'],
    ['10.77.1.12', '10.77.1.12'],
    ['FD77::0021', 'fd77::21'],
    ['198.51.100.7', '198.51.100.7'],
  ])('%s', (asked, first) => {
    expect(findSource(shop, asked)).toMatchObject({ asked, addresses: expect.arrayContaining([first]) })
  })

  it('keeps the address that was asked for first', () => {
    expect(findSource(shop, 'fd77::21')).toMatchObject({
      addresses: ['fd77::21', '10.77.0.21'],
      meshed: true,
    })
  })

  it.each([
    ['catalog', '"catalog" is the name of several workloads: write shop/catalog or office/catalog'],
    [
      'backend',
      '"backend" is a service, and connections come from workloads: write shop/backend-1 or shop/backend-2 or shop/backend-3',
    ],
    ['nobody', '"nobody" is a service, and connections come from workloads: it has none that is ready'],
    ['10.77.100.1', '10.77.100.1 is the virtual address of service shop/backend: write one of its workloads'],
    ['shop/fronted-1', 'no workload is named "shop/fronted-1": did you mean shop/frontend-1?'],
    [
      'zzz\u001b[31m',
      'no workload is named "zzz\\u001b[31m": write shop/frontend-1, shop/visitor, shop/legacy, shop/backend-1 or one of 8 more',
    ],
  ])('%s is refused', (asked, problem) => {
    expect(findSource(shop, asked)).toEqual({ problem })
  })

  it('tells who shares a node’s address', () => {
    const two = snapshotOf(
      shopText.replace(
        'services:',
        '  - { name: exporter, namespace: office, addresses: [192.0.2.11], hostNetwork: true }\nservices:',
      ),
    )
    expect(findSource(two, '192.0.2.10')).toMatchObject({
      workload: { name: 'agent' },
      meshed: false,
      notes: [],
    })
  })
})

describe('a destination', () => {
  const from = (name: string) => findSource(shop, name) as Source

  it.each([
    ['backend:80', ['10.77.100.1']],
    ['shop/backend:80', ['10.77.100.1']],
    ['backend.shop:80', ['10.77.100.1']],
    ['backend.shop.svc:80', ['10.77.100.1']],
    ['backend.shop.svc.cluster.local:80', ['10.77.100.1']],
    ['backend.shop.svc.cluster.local.:80', ['10.77.100.1']],
    ['backend-1.backend:8080', ['10.77.0.21', 'fd77::21']],
    ['db-0.db.shop.svc:5432', ['10.77.0.41']],
    ['db:5432', ['10.77.0.41']],
    ['office/catalog:80', ['10.77.100.3']],
    ['10.77.0.21:8080', ['10.77.0.21']],
    ['[fd77::21]:8080', ['fd77::21']],
  ])('%s', (asked, ips) => {
    expect(findDestination(shop, asked, from('frontend-1'))).toMatchObject({ asked, ips })
  })

  it('means what it means to the source, and tells what else it names', () => {
    expect(findDestination(shop, 'catalog:80', from('frontend-1'))).toMatchObject({
      service: { namespace: 'shop' },
      notes: [
        '"catalog" also names workload shop/catalog (10.77.0.31), service office/catalog, workload office/catalog (10.77.1.12): this answer is about service shop/catalog',
      ],
    })
    expect(findDestination(shop, 'catalog:80', from('report'))).toMatchObject({
      service: { namespace: 'office' },
    })
  })

  it('is refused when nothing says which one is meant', () => {
    expect(findDestination(shop, 'catalog:80', from('198.51.100.7'))).toEqual({
      problem: '"catalog" is the name of several services: write shop/catalog:80 or office/catalog:80',
    })
  })

  it.each([
    ['backend', '"backend" has no port: write for example backend:80'],
    ['10.77.0.21', '"10.77.0.21" has no port: write for example 10.77.0.21:80'],
    ['[fd77::21]', '"[fd77::21]" has no port: write for example [fd77::21]:80'],
    ['fd77::21', '"fd77::21" has no port: write for example [fd77::21]:80'],
    ['fd77::21:8080', '"fd77::21:8080" has no port: write for example [fd77::21]:8080'],
    ['[10.77.0.21]:80', '"[10.77.0.21]:80" is no address: write 10.77.0.21:80'],
    [':80', '":80" has no name: write for example backend:80'],
    ['backend:0', '"backend:0" ends in no port: write a number from 1 to 65535 after the last colon'],
    ['backend:http', '"backend:http" ends in no port: write a number from 1 to 65535 after the last colon'],
    ['backend:65536', '"backend:65536" ends in no port: write a number from 1 to 65535 after the last colon'],
    ['bakend:80', 'no service or workload is named "bakend": did you mean backend:80?'],
    [
      'example.org:443',
      'no service or workload is named "example.org": write the name of a service or a workload, or an IP address',
    ],
  ])('%s is refused', (asked, problem) => {
    expect(findDestination(shop, asked, from('frontend-1'))).toEqual({ problem })
  })
})
