#!/usr/bin/env node
import { weft } from './weft.ts'

// Whoever reads the output may stop reading, as `head` does; what was begun is still ended in good order.
process.stdout.on('error', () => {})
await weft(process.argv.slice(2))
process.exit()
