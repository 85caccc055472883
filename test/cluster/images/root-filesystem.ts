import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A file of this machine, and where the image has it. */
export interface Copied {
  readonly from: string
  readonly to: string
}

/** Puts these programs, plug-ins and all shared libraries that they load under `root`, with the users that images name. */
export function makeRootFilesystem(root: string, files: readonly Copied[]): void {
  for (const directory of ['tmp', 'etc', 'proc', 'sys', 'dev', 'run', 'var']) {
    mkdirSync(join(root, directory), { recursive: true })
  }
  chmodSync(join(root, 'tmp'), 0o1777)
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n',
  )
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n')
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n')
  for (const { from, to } of files) place(root, { from, to })
  const libraries = new Set(files.flatMap(({ from }) => librariesOf(from)))
  for (const library of libraries) place(root, { from: library, to: library })
}

function place(root: string, { from, to }: Copied): void {
  const target = join(root, to)
  if (existsSync(target)) return
  mkdirSync(dirname(target), { recursive: true })
  copyFileSync(realpathSync(from), target)
}

/** Paths as the loader looks for them; none for a static program. */
function librariesOf(file: string): string[] {
  let output: string
  try {
    output = execFileSync('ldd', [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return []
  }
  return [...output.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path!)
}
