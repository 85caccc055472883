#!/usr/bin/env node
import { weft } from './weft.ts'

// Whoever reads the output may stop reading, as `head` does.
process.stdout.on('error', () => process.exit())
process.exit(await weft(process.argv.slice(2)))
