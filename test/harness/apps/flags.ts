import { parseArgs } from 'node:util'

/** The flags that every application of the tests takes. */
export function flags(): { port: number; host: string; name: string; interval: number } {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '0.0.0.0' },
      name: { type: 'string', default: 'application' },
      interval: { type: 'string', default: '20' },
    },
  })
  return { ...values, port: Number(values.port), interval: Number(values.interval) }
}
