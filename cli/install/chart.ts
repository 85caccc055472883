import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse as parseYaml } from 'yaml'
import type { Schema } from './schema.ts'
import type { Values } from './values.ts'

/** The Helm chart, as it lies in the repository and beside the installed command. */
export interface Chart {
  readonly name: string
  readonly version: string
  readonly appVersion: string
  readonly values: Values
  readonly schema: Schema
  /** By path below templates/, sorted. */
  readonly templates: ReadonlyMap<string, string>
}

export const chartFolder = fileURLToPath(new URL('../../chart/', import.meta.url))

export function readChart(folder: string = chartFolder): Chart {
  const read = (path: string): string => readFileSync(join(folder, path), 'utf8')
  const { name, version, appVersion } = parseYaml(read('Chart.yaml')) as Record<string, string>
  const paths = globSync('**/*.{yaml,tpl}', { cwd: join(folder, 'templates') }).sort()
  return {
    name: name!,
    version: version!,
    appVersion: appVersion!,
    values: parseYaml(read('values.yaml')) as Values,
    schema: JSON.parse(read('values.schema.json')) as Schema,
    templates: new Map(paths.map((path) => [path, read(join('templates', path))])),
  }
}
