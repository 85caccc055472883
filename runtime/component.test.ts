import { expect, it, vi } from 'vitest'
import { runComponent } from './component.ts'
import { Environment } from './env.ts'

const readConfig = (variables: NodeJS.ProcessEnv) => {
  const env = new Environment(variables)
  const config = { name: env.string('NAME'), logLevel: 'error' as const }
  env.done()
  return config
}

it('runs with its settings, and ends well', async () => {
  const seen: string[] = []
  const run = async ({ name }: { name: string }) => void seen.push(name)
  expect(await runComponent({ name: 'part', readConfig, run }, { NAME: 'web' })).toBe(0)
  expect(seen).toEqual(['web'])
})

it('tells every setting that cannot be used, and runs nothing', async () => {
  const told = vi.spyOn(console, 'error').mockReturnValue()
  const run = vi.fn()
  expect(await runComponent({ name: 'part', readConfig, run }, {})).toBe(2)
  expect(told).toHaveBeenCalledWith(expect.stringContaining('NAME is not set'))
  expect(run).not.toHaveBeenCalled()
  told.mockRestore()
})

it('tells that it could not go on', async () => {
  const run = () => Promise.reject(new Error('no port'))
  expect(await runComponent({ name: 'part', readConfig, run }, { NAME: 'web' })).toBe(1)
})
