// Asks a URL again and again, each time over a connection of its own, for some seconds or until standard input ends;
// prints the count of good answers, and every other one, as JSON: `load.ts URL SECONDS`.
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const [url, seconds] = process.argv.slice(2)
const deadline = Date.now() + Number(seconds) * 1_000
const failures: string[] = []
const told = new AbortController()
process.stdin.resume().once('end', () => told.abort())
let good = 0
while (Date.now() < deadline && !told.signal.aborted) {
  const answer = await ask()
  if (answer === '200') good += 1
  else failures.push(`${new Date().toISOString()} ${answer}`)
  await sleep(20)
}
console.log(JSON.stringify({ good, failures }))
process.stdin.destroy()

function ask(): Promise<string> {
  return new Promise((resolve) => {
    const request = get(url!, { agent: false, timeout: 5_000 }, (response) => {
      response.resume().once('end', () => resolve(`${response.statusCode}`))
      response.once('error', (error) => resolve(error.message))
    })
    request.once('timeout', () => request.destroy(new Error('no answer in 5 s')))
    request.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}
