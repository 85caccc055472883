import { formatValue, metricWords, significant } from './format.ts'
import { table } from './table.ts'
import type { Verdict } from './verdicts.ts'

/** A line a figure: against whom weft is ahead, level and behind. */
export function summary(all: readonly Verdict[]): string {
  if (all.length === 0) return 'There was nobody to compare weft with.'
  const count = (outcome: Verdict['outcome']) => all.filter((one) => one.outcome === outcome).length
  const total =
    `Of ${all.length} comparisons weft wins ${count('wins')} and loses ${count('loses')}; in ${count('even')} the ` +
    'difference is not larger than the noise. In brackets: what the other one has, and how many times as good the ' +
    'better of the two is.'
  const rows = byFigure(all).map((group) => {
    const { scenario, metric, weft } = group[0]!
    const rivals = (outcome: Verdict['outcome']) => {
      const chosen = group.filter((one) => one.outcome === outcome)
      return chosen.map((verdict) => `${verdict.rival}${times(verdict)}`).join(', ')
    }
    const figure = `${scenario}, ${metricWords[metric]}`
    return [figure, formatValue(metric, weft.median), rivals('wins'), rivals('even'), rivals('loses')]
  })
  return `${total}\n\n${table(['', 'weft', 'beats', 'is level with', 'loses to'], rows)}`
}

/** The verdicts about each figure together, in the order in which figures first come. */
function byFigure(all: readonly Verdict[]): Verdict[][] {
  return [...Map.groupBy(all, ({ scenario, metric }) => `${scenario} ${metric}`).values()]
}

function times({ metric, other, factor, outcome }: Verdict): string {
  const ratio = factor === undefined || outcome === 'even' ? '' : `, ${significant(factor)} times`
  return ` (${formatValue(metric, other.median)}${ratio})`
}

/** A sentence a figure in which somebody is better. */
export function losses(all: readonly Verdict[]): string {
  const lost = all.filter(({ outcome }) => outcome === 'loses')
  if (lost.length === 0) return 'Nowhere in this run, as far as its noise lets one tell.'
  const lines = byFigure(lost).map((group) => {
    const { scenario, metric, weft } = group[0]!
    const rivals = group.map((verdict) => `${verdict.rival}${times(verdict)}`)
    const own = formatValue(metric, weft.median)
    return `- ${scenario}, ${metricWords[metric]}: ${own} against ${rivals.join(', ')}`
  })
  return lines.join('\n')
}
