'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { withTax, round } = require('./lib/price.js');

test('tax', () => assert.strictEqual(withTax(100, 0.5), 150));
test('round', () => assert.strictEqual(round(1.5), 1));
