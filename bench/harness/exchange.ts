import { once } from 'node:events'
import type { Pair } from './peer.ts'

/**
 * One HTTP exchange from the client's application to `ip:port` on a connection of its own. Resolves with the answer, and
 * with the milliseconds from before the connection was begun to the first byte of the answer.
 */
export async function exchange(
  { client }: Pair,
  target: string,
  path: string,
): Promise<{ readonly firstByte: number; readonly answer: string }> {
  const began = performance.now()
  const socket = await client.connect(target)
  try {
    socket.setTimeout(5_000, () => socket.destroy(new Error(`${target} did not answer within 5 s`)))
    socket.setEncoding('latin1')
    socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n`)
    const [first] = (await once(socket, 'data')) as [string]
    const firstByte = performance.now() - began
    let answer = first
    socket.on('data', (text: string) => (answer += text))
    await once(socket, 'end')
    return { firstByte, answer }
  } finally {
    socket.destroy()
  }
}
