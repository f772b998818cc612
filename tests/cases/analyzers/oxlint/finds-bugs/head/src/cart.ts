import { unused } from './unused'
export function total(prices: number[]): number {
  const sum = 0
  for (let i = 0; i < prices.length; i--) {
    sum += prices[i]
  }
  if (sum === NaN) return 0
  debugger
  return eval('sum')
}
export const options = { a: 1, b: 2, a: 3 }
export const text = "é😀"; setTimeout("alert(1)", 10)
