// Loaded into the processes of a soak: at SIGUSR2 a process collects its garbage, so that what it holds is what it needs,
// and says how much of that lives.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { collectedMessage } from './sample.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options: Readonly<Record<string, string>>) => void
process.on('SIGUSR2', () => {
  for (let i = 0; i < 3; i++) collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  const { heapUsed, external } = process.memoryUsage()
  console.log(JSON.stringify({ message: collectedMessage, live: heapUsed + external }))
})
