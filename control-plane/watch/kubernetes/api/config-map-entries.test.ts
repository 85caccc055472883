import { expect, test } from 'vitest'
import { mergeEntries, readEntries } from './config-map-entries.ts'
import { ConfigMaps } from './testing/config-maps.ts'

const name = { namespace: 'weft-system', name: 'weft-serials-0' }

test('a ConfigMap is made by name when there is none, then merged into', async () => {
  const api = new ConfigMaps()
  expect(await readEntries(api.client, name)).toEqual({})
  expect(await mergeEntries(api.client, name, { a: '1' })).toEqual({ a: '1' })
  expect(await mergeEntries(api.client, name, { a: null, b: '2' })).toEqual({ b: '2' })
  expect(await readEntries(api.client, name)).toEqual({ b: '2' })
  const write = 'PATCH merge weft-serials-0'
  const read = 'GET weft-serials-0'
  expect(api.asked).toEqual([read, write, 'PATCH apply weft-serials-0', write, write, read])
})

test('what cannot be written is told', async () => {
  const api = new ConfigMaps()
  api.away = true
  await expect(mergeEntries(api.client, name, { a: '1' })).rejects.toThrow('failed')
  await expect(readEntries(api.client, name)).rejects.toThrow('failed')
})
