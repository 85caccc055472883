import { principalOf } from '../../spiffe-id.ts'
import type { ServiceAccountMatch } from '../authorization.ts'
import { rangeTable } from './range-table.ts'
import type { Table } from './table.ts'
import { textTable } from './text-table.ts'
import { valueTable } from './value-table.ts'

/** A table for each field that demands. Of equals the earlier is taken, so the more telling field stands first. */
export function demandingFields(): readonly Table[] {
  return [
    textTable(
      ({ principals }) => principals,
      ({ peer }) => peer && principalOf(peer),
    ),
    valueTable(
      ({ serviceAccounts }) => serviceAccounts.map(accountText),
      ({ peer }) => peer && accountText(peer),
    ),
    rangeTable(
      ({ sourceIps }) => sourceIps,
      ({ sourceIp }) => sourceIp,
    ),
    textTable(
      ({ namespaces }) => namespaces,
      ({ peer }) => peer?.namespace,
    ),
    valueTable(
      ({ destinationPorts }) => destinationPorts,
      ({ destination }) => destination.port,
    ),
    rangeTable(
      ({ destinationIps }) => destinationIps,
      ({ destination }) => destination.ip,
    ),
    // Strict: whoever has no identity.
    valueTable(
      ({ notPrincipals }) => (notPrincipals.some(({ kind }) => kind === 'presence') ? ['nobody'] : []),
      ({ peer }) => (peer ? undefined : 'nobody'),
    ),
  ]
}

/** A table for each field that excepts. */
export function exceptingFields(): readonly Table[] {
  return [
    textTable(
      ({ notPrincipals }) => notPrincipals,
      ({ peer }) => peer && principalOf(peer),
    ),
    valueTable(
      ({ notServiceAccounts }) => notServiceAccounts.map(accountText),
      ({ peer }) => peer && accountText(peer),
    ),
    rangeTable(
      ({ notSourceIps }) => notSourceIps,
      ({ sourceIp }) => sourceIp,
    ),
    textTable(
      ({ notNamespaces }) => notNamespaces,
      ({ peer }) => peer?.namespace,
    ),
    valueTable(
      ({ notDestinationPorts }) => notDestinationPorts,
      ({ destination }) => destination.port,
    ),
    rangeTable(
      ({ notDestinationIps }) => notDestinationIps,
      ({ destination }) => destination.ip,
    ),
  ]
}

function accountText({ namespace, serviceAccount }: ServiceAccountMatch): string {
  return `${namespace}/${serviceAccount}`
}
