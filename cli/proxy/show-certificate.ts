import { fields } from '../table.ts'
import { certificate as answer, type Certificate } from './answers.ts'
import { formatDuration } from './quantities.ts'
import type { Question } from './question.ts'
import { show } from './show.ts'

/** Shows a sidecar's certificate, a new one if so asked; answers the exit status. */
export async function showCertificate(question: Question, { renew }: { renew: boolean }): Promise<number> {
  const request = renew
    ? ({ method: 'POST', path: '/certificate/renew' } as const)
    : ({ method: 'GET', path: '/certificate' } as const)
  return await show(question, { ...request, answer, describe })
}

function describe(certificate: Certificate): string {
  if (certificate.identity === null) {
    return 'the sidecar has no certificate yet: weft proxy config says what it waits for'
  }
  const { identity, serial, notBefore, notAfter, secondsLeft } = certificate
  const left = secondsLeft > 0 ? `${formatDuration(secondsLeft)} left` : 'expired'
  return fields([
    ['identity', identity],
    ['serial', serial],
    ['from', notBefore],
    ['to', `${notAfter}, ${left}`],
  ])
}
