import { createServer } from 'node:http'
import { describe, expect, test } from 'vitest'
import { startMesh } from './mesh.ts'
import { lacks } from './requirements.ts'

describe.skipIf(lacks('what a capture sees', 'tcpdump'))('a capture', () => {
  test('sees plaintext, also where it is split over packets, and nothing that was not sent', async () => {
    await using mesh = await startMesh({ controlPlane: false, ipv6: true })
    const [server, client] = await Promise.all([
      mesh.workload('server', { meshed: false }),
      mesh.workload('client', { meshed: false }),
    ])
    await server.listen(
      createServer((request, response) => request.pipe(response)),
      8080,
      '::',
    )
    await using capture = await mesh.capture()

    for (const [i, host] of [server.ip, `[${server.addresses[1]}]`].entries()) {
      await client.http(`http://${host}:8080/`, { method: 'POST', body: `${'x'.repeat(70_000)}marker-${i}` })
    }
    const socket = await client.connect(`${server.ip}:8080`)
    socket.setNoDelay(true).write('GET /?split-')
    await new Promise((resolve) => setTimeout(resolve, 20))
    socket.end('marker HTTP/1.0\r\n\r\n').resume()

    expect(await capture.contains('marker-0')).toBe(true)
    expect(await capture.contains('marker-1')).toBe(true)
    expect(await capture.contains('split-marker')).toBe(true)
    expect(await capture.contains('marker-2')).toBe(false)
    expect(await capture.keyExchangeGroups()).toEqual([])
  })
})
