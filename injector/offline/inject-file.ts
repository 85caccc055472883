import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import { Environment, EnvironmentError } from '#runtime/env.ts'
import type { PodSecurity } from '../decide/namespace.ts'
import { randomNonce } from '../nonce.ts'
import { readSettings, type Settings } from '../settings.ts'
import { readDocuments, type WrittenDocument, writeYaml } from './documents.ts'
import { type InjectedObject, injectObject } from './inject-object.ts'

export interface InjectFileOptions {
  /** A path, or `-` for standard input. */
  readonly file: string
  readonly output: 'yaml' | 'json'
  /** What the namespaces that the pods are for enforce. */
  readonly podSecurity: PodSecurity
  readonly env: NodeJS.ProcessEnv
}

/**
 * Writes the file's objects with their pods injected to standard output, and what became of each pod to standard error.
 * Answers the exit status: 0, 1 when a pod was refused and nothing was written, 2 for a file or setting that is no good.
 */
export async function injectFile({ file, output, podSecurity, env }: InjectFileOptions): Promise<number> {
  let settings: Settings
  let documents: readonly WrittenDocument[]
  try {
    settings = offlineSettings(env)
    documents = readDocuments(file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8'))
  } catch (error) {
    const where = error instanceof EnvironmentError ? '' : `${file === '-' ? 'standard input' : file}: `
    process.stderr.write(`${where}${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  const injection = { settings, createNonce: randomNonce }
  // Whoever asks for a pod to be injected by hand has a namespace in mind that is meshed.
  const namespaceOf = (name: string) => ({ name, injection: true, podSecurity })
  const results = documents.map(({ source, value }) => ({
    source,
    value,
    ...injectObject(value, namespaceOf, injection),
  }))
  const status = Math.max(0, ...results.flatMap(({ pods }) => pods.map(report)))
  if (status === 0) process.stdout.write(output === 'json' ? asJson(results) : asYaml(results))
  return status
}

function offlineSettings(variables: NodeJS.ProcessEnv): Settings {
  const env = new Environment(variables)
  const settings = readSettings(env)
  env.done()
  return settings
}

/** Tells what became of a pod, and answers the exit status for it. */
function report({ name, outcome }: InjectedObject['pods'][number]): 0 | 1 | 2 {
  const say = (line: string): void => void process.stderr.write(`${name}: ${line}\n`)
  if (outcome.kind !== 'unreadable') for (const warning of outcome.warnings) say(`warning: ${warning}`)
  switch (outcome.kind) {
    case 'injected':
      say(outcome.operations.length > 0 ? 'injected' : 'was injected before')
      return 0
    case 'skipped':
      say(`not injected: ${outcome.reason}`)
      return 0
    case 'refused':
      say(`refused: ${outcome.message}`)
      return 1
    case 'unreadable':
      say(outcome.message)
      return 2
  }
}

interface Result {
  readonly source: string
  readonly value: unknown
  readonly object: unknown
}

/** A document without a pod is written as it was, comments included. */
function asYaml(results: readonly Result[]): string {
  return results
    .map(({ source, value, object }, index) => {
      const text =
        object === value
          ? source
          : `${index > 0 || source.startsWith('---') ? '---\n' : ''}${writeYaml(object)}`
      return text.endsWith('\n') ? text : `${text}\n`
    })
    .join('')
}

function asJson(results: readonly Result[]): string {
  const objects = results.map(({ object }) => object).filter((object) => object !== null)
  const whole = objects.length === 1 ? objects[0] : { apiVersion: 'v1', kind: 'List', items: objects }
  return `${JSON.stringify(whole, null, 2)}\n`
}
