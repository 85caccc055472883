import type { Command } from 'commander'
import { addEpilogue } from '../epilogue.ts'

export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .summary('a whole mesh on this machine, and what it does')
    .description(
      'Starts a whole mesh on this machine, with network namespaces in the place of pods, and shows what it does. ' +
        'It then stays up until Ctrl-C. Linux and root are needed.',
    )
    .option('--once', 'end after the story, with everything cleaned up')
    .action(async ({ once = false }: { once?: boolean }) => {
      const { demo } = await import('../demo/demo.ts')
      process.exitCode = await demo({ once })
    })
  addEpilogue(command, {
    examples: [
      ['sudo weft demo', 'tell the story, then try it yourself'],
      ['sudo weft demo --once', 'tell it, and end'],
    ],
    statuses: { 0: 'every check passed', 1: 'a check failed, or the mesh could not be started' },
  })
}
