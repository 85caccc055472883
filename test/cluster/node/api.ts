import { readFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import type { Place } from './place.ts'
import { plan } from './plan.ts'

/** Whether the API server answers this path with 200. */
export type Api = (path: string) => Promise<boolean>

/** Asks as the cluster's administrator, from inside its network namespaces. */
export function apiOf({ certificates }: Place): Api {
  const read = (file: string): Buffer => readFileSync(join(certificates, file))
  const options = { ca: read('ca.crt'), cert: read('admin.crt'), key: read('admin.key'), timeout: 2_000 }
  const server = `https://${plan.nodes[0].addresses[0]}:${plan.apiPort}`
  return (path) =>
    new Promise((resolve, reject) => {
      const request = get(`${server}${path}`, options, (response) => {
        response.resume().once('end', () => resolve(response.statusCode === 200))
      })
      request.once('error', reject).once('timeout', () => request.destroy(new Error('no answer')))
    })
}
