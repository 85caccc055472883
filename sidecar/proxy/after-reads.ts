/** What runs once this turn of the event loop has read all that came; one immediate serves everybody. */
let waiting: (() => void)[] = []

/** Runs `work` after the reads of this turn: what they bring together can then go out in one write. */
export function afterReads(work: () => void): void {
  if (waiting.length === 0) setImmediate(run)
  waiting.push(work)
}

function run(): void {
  const now = waiting
  waiting = []
  for (const work of now) work()
}
