/** What `weft proxy config` shows one at a time. */
export const sections = ['summary', 'workloads', 'services', 'policies'] as const
export type Section = (typeof sections)[number]
