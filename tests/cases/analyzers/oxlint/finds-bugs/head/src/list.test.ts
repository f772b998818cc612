import { describe, expect, it } from 'vitest'
describe.only('list', () => {
  it('is empty', () => expect([]).toHaveLength(0))
})
