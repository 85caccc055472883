import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '..')

/** Sources, and the folder that their `gen` lies in. */
const folders: readonly (readonly [sources: string, output: string])[] = [
  ['proto', 'proto'],
  ['bench/harness/peers/linkerd/proto', 'bench/harness/peers/linkerd'],
]

/** Writes each `gen` from its .proto sources; with `--check` only says whether it would change, as exit status. */
async function main(args: readonly string[]): Promise<number> {
  if (args.length === 0) {
    for (const [sources, output] of folders) await generate(sources, join(root, output))
    return 0
  }
  if (args.length !== 1 || args[0] !== '--check') {
    console.error('usage: node scripts/generate-proto.ts [--check]')
    return 2
  }
  const stale = (await Promise.all(folders.map(([sources, output]) => staleFiles(sources, output)))).flat()
  for (const file of stale) console.error(`${file} does not agree with its source: npm run generate`)
  return stale.length === 0 ? 0 : 1
}

async function staleFiles(sources: string, output: string): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-proto-'))
  try {
    await generate(sources, directory)
    const [expected, actual] = await Promise.all([
      contents(join(directory, 'gen')),
      contents(join(root, output, 'gen')),
    ])
    const names = new Set([...expected.keys(), ...actual.keys()])
    const differing = [...names].filter((name) => expected.get(name) !== actual.get(name)).sort()
    return differing.map((name) => `${output}/gen/${name}`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Generates into `gen` under a directory, which is emptied first. Needs no network: the plugin is local. */
async function generate(sources: string, directory: string): Promise<void> {
  const bin = join(root, 'node_modules', '.bin')
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` }
  await promisify(execFile)(join(bin, 'buf'), ['generate', '--output', directory], {
    cwd: join(root, sources),
    env,
  })
}

async function contents(directory: string): Promise<Map<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  return new Map(files.map((file, i) => [file.slice(directory.length + 1), texts[i]!]))
}

process.exitCode = await main(process.argv.slice(2))
