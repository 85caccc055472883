import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../authority/testing/temporary-folder.ts'
import { loadAccess } from './access.ts'

function kubeconfig(folder: string, server: string, user: object = { token: 'secret' }): string {
  const file = join(folder, 'kubeconfig')
  const content = {
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority': 'ca.crt' } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  writeFileSync(file, JSON.stringify(content))
  writeFileSync(join(folder, 'ca.crt'), 'the authority')
  return file
}

test('a kubeconfig says where the API server is, whom to trust and what to show', async () => {
  using folder = temporaryFolder()
  const access = await loadAccess({ KUBECONFIG: kubeconfig(folder.path, 'https://api.example:6443') })
  expect(access.server.href).toBe('https://api.example:6443/')
  const options = await access.options()
  expect(options.headers).toEqual({ Authorization: 'Bearer secret' })
  expect(String(options.ca)).toBe('the authority')
  expect(options.agent).toBeUndefined()
})

test('a certificate that was rotated on disk is the next one that is shown', async () => {
  using folder = temporaryFolder()
  const user = { 'client-certificate': 'client.crt', 'client-key': 'client.key' }
  const write = (text: string) => {
    for (const name of ['client.crt', 'client.key']) writeFileSync(join(folder.path, name), text)
  }
  write('first')
  const access = await loadAccess({ KUBECONFIG: kubeconfig(folder.path, 'https://api.example', user) })
  expect(String((await access.options()).cert)).toBe('first')
  write('second')
  expect(String((await access.options()).cert)).toBe('second')
})

test('credentials are not sent in clear, but to this machine', async () => {
  using folder = temporaryFolder()
  const load = (server: string) => loadAccess({ KUBECONFIG: kubeconfig(folder.path, server) })
  await expect(load('http://api.example:8080')).rejects.toThrow(
    'http://api.example:8080 is not reached by TLS',
  )
  expect((await load('http://127.0.0.1:8001')).server.port).toBe('8001')
})

test('without a cluster there is nothing to talk to, and no guess at localhost', async () => {
  await expect(loadAccess({})).rejects.toThrow('set KUBECONFIG to a file')
})
