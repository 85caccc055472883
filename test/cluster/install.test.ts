import { expect, it } from 'vitest'
import { runWeft } from '../../cli/testing/run-weft.ts'
import { kubectl } from './harness/kubectl.ts'

it('changes nothing when it is applied again, the caBundle of the control plane included', async () => {
  const { stdout: manifests } = await runWeft(['install'])
  await kubectl(['apply', '-f', '-'], { input: manifests })
  const before = await caBundle()
  const lines = (await kubectl(['apply', '-f', '-'], { input: manifests })).trim().split('\n')
  expect(lines.filter((line) => !line.endsWith(' unchanged'))).toEqual([])
  expect(lines).toHaveLength(manifests.match(/^kind: /gm)?.length ?? 0)
  expect(await caBundle()).toBe(before)
  expect(before).not.toBe('')
})

async function caBundle(): Promise<string> {
  const path = 'jsonpath={.webhooks[*].clientConfig.caBundle}'
  return await kubectl(['get', 'mutatingwebhookconfiguration', 'weft-injector', '-o', path])
}
