import { expect, test } from 'vitest'
import { pod, registry } from '#control-plane/model/testing/registries.ts'
import { typeUrls } from '#control-plane/model/type-urls.ts'
import { encodeResponse } from '#control-plane/push/response.ts'
import { modelOf } from '#control-plane/push/testing/client.ts'
import { readResponse } from './read-response.ts'

test('what the control plane encodes is read back by name', () => {
  const model = modelOf(registry({ workloads: [pod('shop/a-1', '10.77.0.1'), pod('shop/a-2', '10.77.0.2')] }))
  const resources = [...model.types.get(typeUrls.address)!.byName.values()]
  const bytes = encodeResponse({
    type: typeUrls.address,
    nonce: '7',
    modelVersion: 'v',
    resources,
    removed: ['gone'],
  })
  expect(readResponse(bytes)).toEqual({
    typeUrl: typeUrls.address,
    nonce: '7',
    names: ['Kubernetes//Pod/shop/a-1', 'Kubernetes//Pod/shop/a-2'],
  })
})
