import { beforeAll, describe, expect, it } from 'vitest'
import { type Connection, connect, reasonOf } from '../../cli/kubernetes/connection.ts'

let connection: Connection
beforeAll(async () => {
  connection = await connect({ command: 'the test', context: process.env['WEFT_CLUSTER_CONTEXT'] })
})

const uid = { runAsUser: 1337 }
const proxy = container('weft-proxy', uid)

describe('a meshed pod may not run as the sidecar’s uid', () => {
  it.each([
    ['in a container', { containers: [container('app', uid), container('fine')] }, 'for container app'],
    ['in two containers', { containers: [container('a', uid), container('b', uid)] }, 'for container a, b'],
    ['in an init container', { initContainers: [proxy, container('first', uid)] }, 'for container first'],
    ['as a whole', { securityContext: uid }, 'write another spec.securityContext.runAsUser'],
  ])('%s', async (_, spec, message) => {
    expect(await create({ initContainers: [proxy], ...spec })).toContain(message)
  })
})

describe('nobody else is kept from it', () => {
  it.each([
    ['a pod that is not meshed', { initContainers: [], containers: [container('app', uid)] }],
    ['the sidecar itself', {}],
    ['an application with another uid', { containers: [container('app', { runAsUser: 1000 })] }],
  ])('%s', async (_, spec) => {
    expect(await create({ initContainers: [proxy], ...spec })).toBe('')
  })
})

/** Why the API server does not take such a pod; empty when it does. Nothing is kept of it. */
async function create(spec: object): Promise<string> {
  const answer = await connection.send('POST', '/api/v1/namespaces/default/pods?dryRun=All', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'trial' },
    spec: { containers: [container('app')], ...spec },
  })
  return answer.status < 300 ? '' : reasonOf(answer)
}

function container(name: string, securityContext: object = {}): object {
  const sidecar = name === 'weft-proxy' ? { restartPolicy: 'Always' } : {}
  return { name, image: 'weft.invalid/trial', securityContext, ...sidecar }
}
