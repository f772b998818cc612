import { expect, it } from 'vitest'
import { total } from './cart'

it('adds up', async () => {
  expect(await total([])).toBe(1)
})
