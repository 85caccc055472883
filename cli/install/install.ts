import { readFileSync } from 'node:fs'
import { parse as parseYaml } from 'yaml'
import { isDnsLabel } from '#mesh/spiffe-id.ts'
import { Failure } from '../failure.ts'
import { type Chart, readChart } from './chart.ts'
import { type Manifest, manifestsOf } from './manifests.ts'
import { schemaProblems } from './schema.ts'
import { parseSet } from './set.ts'
import { isMapping, mergeValues, type Values } from './values.ts'

export interface Installation {
  readonly namespace: string
  /** Paths of YAML files, the later over the earlier. */
  readonly files: readonly string[]
  /** Assignments, over the files. */
  readonly sets: readonly string[]
  readonly imageRegistry: string | undefined
}

/** What is to be applied, in order. Throws Failure for values that the chart does not take. */
export function installation(request: Installation): Manifest[] {
  const { namespace } = request
  if (!isDnsLabel(namespace)) {
    throw failure([`--namespace ${namespace}: write lower-case letters, digits and -, e.g. weft-system`])
  }
  const chart = readChart()
  // Helm makes the Namespace by itself; what is piped to kubectl has to have it.
  const values = valuesOf({ ...chart, values: { ...chart.values, createNamespace: true } }, request)
  return manifestsOf(chart, values, { namespace, service: 'weft' })
}

export function textOf(manifests: readonly Manifest[]): string {
  return manifests.map(({ text }) => `---\n${text}\n`).join('')
}

/** The chart's values with those of the request over them. Throws Failure for what its schema refuses. */
export function valuesOf(
  chart: Chart,
  { files, sets, imageRegistry }: Omit<Installation, 'namespace'>,
): Values {
  const layers: readonly Values[] = [
    ...files.map(readValues),
    ...sets.flatMap(parseSet),
    ...(imageRegistry === undefined ? [] : [{ image: { registry: imageRegistry } }]),
  ]
  const values = layers.reduce(mergeValues, chart.values)
  const problems = schemaProblems(chart.schema, values)
  if (problems.length > 0) throw failure(problems)
  return values
}

function readValues(file: string): Values {
  let document: unknown
  try {
    document = parseYaml(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw failure([`--values ${file}: ${(cause as Error).message.split('\n')[0]}`])
  }
  if (document === null) return {}
  if (!isMapping(document))
    throw failure([`--values ${file}: must be a mapping of values, as in values.yaml`])
  return document
}

function failure(problems: readonly string[]): Failure {
  return new Failure(problems.map((problem) => `weft install: ${problem}`).join('\n'), { status: 2 })
}
