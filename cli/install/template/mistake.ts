/** The chart uses what this renderer does not know, or names what is not there: a defect of the chart, or of this. */
export class ChartMistake extends Error {
  override readonly name = 'ChartMistake'
}
