import { type Kept, type Kind, kept, type RawObject } from '../list-watch/kind.ts'

export interface WebhookConfiguration extends Kept {
  readonly webhooks: readonly Webhook[]
}

export interface Webhook {
  readonly name: string
  /** PEM; empty when it has none. */
  readonly caBundle: string
}

export const webhookConfigurationsPath = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'

/** The injector's configuration, the only one that is asked for. */
export const injectorConfiguration: Kind<WebhookConfiguration> = {
  name: 'mutatingwebhookconfiguration weft-injector',
  path: webhookConfigurationsPath,
  only: 'weft-injector',
  trim(object) {
    const { webhooks = [] } = object as RawConfiguration
    return {
      ...kept(object),
      webhooks: webhooks.map(({ name, clientConfig }) => ({
        name,
        caBundle: Buffer.from(clientConfig?.caBundle ?? '', 'base64').toString(),
      })),
    }
  },
}

interface RawConfiguration extends RawObject {
  readonly webhooks?: readonly {
    readonly name: string
    readonly clientConfig?: { readonly caBundle?: string }
  }[]
}
