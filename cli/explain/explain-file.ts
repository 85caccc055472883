import { readFile } from 'node:fs/promises'
import type { Snapshot } from '#mesh/snapshot.ts'
import { registrySnapshot } from '../../control-plane/snapshot.ts'
import { Failure } from '../failure.ts'
import { type Output, print } from '../output.ts'
import { describeAnswer } from './describe.ts'
import { answerDocument } from './document.ts'
import { explain } from './explain.ts'

export interface FileQuestion {
  /** The registry. */
  readonly file: string
  readonly source: string
  readonly destination: string
  readonly namespace?: string | undefined
  readonly output: Output
}

/** Answers the exit status: 0 when the connection is allowed, 1 when not. Throws a Failure for a bad question or file. */
export async function explainFile({ file, output, ...question }: FileQuestion): Promise<number> {
  const explained = explain(await readSnapshot(file), question)
  if ('problem' in explained) throw failure([explained.problem])
  print(
    output,
    () => answerDocument(explained),
    () => describeAnswer(explained),
  )
  return explained.verdict === 'yes' ? 0 : 1
}

/** More problems than one can look at are only counted. */
const shown = 10

async function readSnapshot(file: string): Promise<Snapshot> {
  const read = registrySnapshot(await readText(file), file)
  if ('snapshot' in read) return read.snapshot
  const more = read.problems.length - shown
  throw failure([
    ...read.problems.slice(0, shown),
    ...(more > 0 ? [`${file}: and ${more} more problems`] : []),
  ])
}

async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file))
  } catch (error) {
    throw failure([`${file} ${unreadable(error as NodeJS.ErrnoException)}`])
  }
}

function unreadable({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'is missing: write where the registry file is with --registry FILE, or a cluster with --context NAME'
    case 'EISDIR':
      return 'is a directory: write a file in it with --registry FILE'
    case 'EACCES':
      return 'may not be read: give this user leave to, or run this with sudo'
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'is not UTF-8: save it as UTF-8'
    default:
      return `cannot be read: ${message}`
  }
}

function failure(problems: readonly string[]): Failure {
  return new Failure(problems.map((problem) => `weft explain: ${problem}`).join('\n'), { status: 2 })
}
