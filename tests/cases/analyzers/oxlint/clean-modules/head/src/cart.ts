import type { Price } from './price'

export enum State {
  Open = 'open',
  Closed = 'closed',
}

export async function total(prices: readonly Price[], _rate?: number): Promise<number> {
  let sum = 0
  for (const price of prices) {
    sum += price.amount ?? 0
  }
  while (true) {
    if (sum > 0) break
    sum = await Promise.resolve(1)
  }
  return sum
}
