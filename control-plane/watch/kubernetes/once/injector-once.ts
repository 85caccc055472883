import { type LabelSelector, labelSelector, type WrittenSelector } from '#mesh/label-selector.ts'
import { type Kept, type Kind, kept, type RawObject } from '../list-watch/kind.ts'
import { injectorConfiguration } from '../objects/webhook-configuration.ts'

/** Of what namespaces the API server asks the injector about pods. */
export interface InjectorOnce extends Kept {
  readonly selectors: readonly LabelSelector[]
}

export const injectorOnce: Kind<InjectorOnce> = {
  ...injectorConfiguration,
  optional: true,
  trim(object) {
    const { webhooks = [] } = object as RawConfiguration
    return { ...kept(object), selectors: webhooks.map((each) => labelSelector(each.namespaceSelector)) }
  },
}

interface RawConfiguration extends RawObject {
  readonly webhooks?: readonly { readonly namespaceSelector?: WrittenSelector }[]
}
