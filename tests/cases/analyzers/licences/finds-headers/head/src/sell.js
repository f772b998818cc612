// Licensed under the MIT license with the Commons
// Clause condition; you may not sell it.
export const sell = 1;
