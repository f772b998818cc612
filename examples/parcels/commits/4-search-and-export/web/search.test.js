import assert from "node:assert/strict";
import test from "node:test";

import { atLeast } from "./search.js";

test("lighter parcels are left out", () => {
  const heavy = { number: "P2", weight: 900 };
  assert.deepEqual(atLeast([{ number: "P1", weight: 800 }, heavy], "850"), [heavy]);
});
