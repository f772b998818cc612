it.skip(3);
describe('skip', () => { it('only', () => {}); });
