/** Says it. */
export function one() {}

export function two() {}

exports.three = function () {};
