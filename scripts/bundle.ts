// Makes what the image runs: one file a component, minified. `npm run build` writes dist/.
import { rmSync } from 'node:fs'
import { build } from 'esbuild'

const root = new URL('..', import.meta.url).pathname
const components = { sidecar: 'sidecar/main.ts', redirection: 'sidecar/redirection/main.ts' }

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
