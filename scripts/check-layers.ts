// Proves that imports go one way: every folder imports only what the table allows it.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** Folder to the folders (or single files) that it may import besides itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  runtime: ['proto/gen'],
  'proto/gen': [],
  mesh: [],
  sidecar: ['mesh', 'runtime', 'proto/gen'],
  'control-plane': ['mesh', 'runtime', 'proto/gen'],
  injector: ['mesh', 'runtime', 'proto/gen', 'package.json'],
  // The command starts the components by their main files and shows a mesh of namespaces; it knows nothing inside.
  cli: [
    'mesh',
    'runtime',
    'proto/gen',
    'sidecar/main.ts',
    'sidecar/redirection/main.ts',
    'control-plane/main.ts',
    'control-plane/snapshot.ts',
    'control-plane/cluster-snapshot.ts',
    'injector/offline/inject-file.ts',
    'test/harness',
    'scripts/prerequisites.ts',
    'package.json',
  ],
}
/** Only these may see the wire's own types: a file, or a folder. */
const protoUsers = ['runtime/authority-client.ts', 'sidecar/discovery', 'control-plane', 'cli']

const root = new URL('..', import.meta.url).pathname
const aliases: readonly [string, string][] = [
  ['#proto/', 'proto/gen/'],
  ['#', ''],
]

const problems: string[] = []
for (const file of globSync('{runtime,proto,mesh,sidecar,control-plane,injector,cli}/**/*.ts', {
  cwd: root,
})) {
  // Tests may import anything.
  if (file.endsWith('.test.ts') || file.includes('/testing/')) continue
  const layer = layerOf(file)
  if (!layer) continue
  for (const target of importsOf(file)) {
    const to = layerOf(target)
    if (to === layer) {
      continue
    }
    const known = allowed[layer] ?? []
    if (!known.some((name) => target === name || target.startsWith(`${name}/`))) {
      problems.push(`${file} imports ${target}: ${layer} may import ${known.join(', ') || 'nothing of ours'}`)
    }
    if (to === 'proto/gen' && !protoUsers.some((user) => file === user || file.startsWith(`${user}/`))) {
      problems.push(`${file} imports ${target}: only ${protoUsers.join(', ')} may see generated code`)
    }
  }
}
for (const problem of problems) console.error(problem)
process.exit(problems.length === 0 ? 0 : 1)

function layerOf(path: string): string | undefined {
  return Object.keys(allowed).find((layer) => path.startsWith(`${layer}/`))
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const specifiers = [...text.matchAll(/(?:from|import|import\()\s*'([^']+)'/g)].map((match) => match[1]!)
  return specifiers.flatMap((specifier) => {
    if (specifier.startsWith('.')) return [normalize(join(dirname(file), specifier))]
    const alias = aliases.find(([prefix]) => specifier.startsWith(prefix))
    return alias ? [alias[1] + specifier.slice(alias[0].length)] : []
  })
}
