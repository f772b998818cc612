// What the tracking page says about a parcel.

const STEPS = ["accepted", "sorted", "on the road", "delivered"];

/** How far a parcel has come, in percent. */
export function progress(status) {
  const step = STEPS.indexOf(status);
  if (step < 0) {
    throw new RangeError(`unknown status ${status}`);
  }
  return Math.round((100 * step) / (STEPS.length - 1));
}
