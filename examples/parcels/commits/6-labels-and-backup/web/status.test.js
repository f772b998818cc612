import assert from "node:assert/strict";
import test from "node:test";

import { describe, progress } from "./status.js";

test("progress goes from 0 to 100", () => {
  assert.equal(progress("accepted"), 0);
  assert.equal(progress("delivered"), 100);
});

test("an unknown status is refused", () => {
  assert.throws(() => progress("lost"), RangeError);
});

test("the page names the percentage until the parcel is there", () => {
  assert.equal(describe("sorted"), "33 % of the way");
  assert.equal(describe("delivered"), "It is there.");
});
