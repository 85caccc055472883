// Makes what the images run: one file a component, minified. `npm run build` writes dist/, and the Dockerfile takes it.
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { build } from 'esbuild'

const root = new URL('..', import.meta.url).pathname
const components = {
  sidecar: 'sidecar/main.ts',
  redirection: 'sidecar/redirection/main.ts',
  'control-plane': 'control-plane/main.ts',
  injector: 'injector/main.ts',
}

rmSync(`${root}dist`, { recursive: true, force: true })
await build({
  absWorkingDir: root,
  entryPoints: components,
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  // It finds its native part beside its own files.
  external: ['koffi'],
  // What is CommonJS inside asks for `require`.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  legalComments: 'linked',
  logLevel: 'info',
})

// Where Node looks for it from a file in dist/; it is two packages, one of them for this kind of machine.
const native = ['koffi', ...readdirSync(`${root}node_modules/@koromix`).map((name) => `@koromix/${name}`)]
for (const name of native) {
  const from = `${root}node_modules/${name}`
  cpSync(from, `${root}dist/node_modules/${name}`, {
    recursive: true,
    filter: (source) => !isSourceOnly(source.slice(from.length)),
  })
}

/** What nothing loads: documentation, C++ and what builds it, and the library for another kind of C library. */
function isSourceOnly(path: string): boolean {
  return /^\/(doc|lib|vendor|musl_\w+|cnoke\.cjs|CHANGELOG\.md|README\.md)$|\.(cc|hh|inc|S|asm|d\.ts)$/.test(
    path,
  )
}
