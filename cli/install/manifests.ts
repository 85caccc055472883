import { parse as parseYaml } from 'yaml'
import type { Chart } from './chart.ts'
import { inOrder } from './order.ts'
import { parseTemplate } from './template/parse.ts'
import { render } from './template/render.ts'
import type { Values } from './values.ts'

/** One object of the installation. */
export interface Manifest {
  readonly kind: string
  readonly name: string
  /** As the template wrote it, comments and all. */
  readonly text: string
}

export interface Release {
  readonly namespace: string
  /** Who is told to manage the objects. */
  readonly service: string
}

/** Renders the chart, in the order in which its objects can be created. */
export function manifestsOf(chart: Chart, values: Values, { namespace, service }: Release): Manifest[] {
  const dot = {
    Values: values,
    Chart: { Name: chart.name, Version: chart.version, AppVersion: chart.appVersion },
    Release: { Name: 'weft', Namespace: namespace, Service: service },
  }
  const templates = [...chart.templates].map(([path, text]) => ({ path, ...parseTemplate(text) }))
  const definitions = new Map(templates.flatMap(({ definitions }) => [...definitions]))
  const documents = templates
    .filter(({ path }) => !path.endsWith('.tpl'))
    .flatMap(({ body }) => render(body, dot, definitions).split(/^---$/m))
  return inOrder(documents.flatMap(manifest))
}

function manifest(text: string): Manifest[] {
  const object = parseYaml(text) as { kind: string; metadata: { name: string } } | null
  return object === null ? [] : [{ kind: object.kind, name: object.metadata.name, text: text.trim() }]
}
