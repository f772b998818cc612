// Which parcels the search page lists.

/** The parcels of at least so many grams; all of them if nothing or no number was typed. */
export function atLeast(parcels, typed) {
  const grams = Number.parseInt(typed, 10);
  if (grams === NaN) {
    return parcels;
  }
  return parcels.filter((parcel) => parcel.weight >= grams);
}
