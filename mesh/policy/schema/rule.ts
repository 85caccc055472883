import * as v from 'valibot'
import { namespacePattern, principalPattern, serviceAccount } from './identity.ts'
import { knownFields } from './known-fields.ts'
import { ipBlock, port } from './network.ts'
import { list } from './value.ts'

const notReadable =
  'cannot be enforced: a layer 4 mesh carries the bytes of a connection and never reads requests'
const behindProxy =
  'cannot be enforced: it reads an HTTP header; write ipBlocks, which test the address that connects'

export const source = knownFields(
  {
    principals: list(principalPattern),
    notPrincipals: list(principalPattern),
    namespaces: list(namespacePattern),
    notNamespaces: list(namespacePattern),
    serviceAccounts: list(serviceAccount),
    notServiceAccounts: list(serviceAccount),
    ipBlocks: list(ipBlock),
    notIpBlocks: list(ipBlock),
  },
  {
    refused: {
      source: 'is not needed; write principals, namespaces and the others directly under from',
      requestPrincipals: notReadable,
      notRequestPrincipals: notReadable,
      remoteIpBlocks: behindProxy,
      notRemoteIpBlocks: behindProxy,
    },
  },
)

const operation = knownFields(
  { ports: list(port), notPorts: list(port) },
  {
    refused: {
      operation: 'is not needed; write ports and notPorts directly under to',
      hosts: notReadable,
      notHosts: notReadable,
      methods: notReadable,
      notMethods: notReadable,
      paths: notReadable,
      notPaths: notReadable,
    },
  },
)

export const rule = knownFields(
  {
    from: list(saying(source, 'a source that says nothing; leave from out to mean anybody')),
    to: list(saying(operation, 'an operation that says nothing; leave to out to mean every port')),
  },
  { refused: { when: notReadable } },
)

/** A mapping of lists of which at least one is given: an empty one could be read as "anybody" or as "nobody". */
function saying<Lists extends Readonly<Record<string, readonly unknown[]>>>(
  schema: v.GenericSchema<unknown, Lists>,
  message: string,
) {
  return v.pipe(
    schema,
    v.check((lists) => Object.values(lists).some((list) => list.length > 0), `is ${message}`),
  )
}
