export function split(text, options, report) {
  const pieces = [];
  let start = 0;
  for (let at = 0; at <= text.length; at += 1) {
    const sign = text[at];
    if (sign === options.escape) {
      at += 1;
      continue;
    }
    if (at === text.length || sign === options.separator) {
      const part = text.slice(start, at).trim();
      if (part === "" && options.strict) {
        report.warn(`empty part at ${start}`);
      } else if (part.length > options.longest) {
        throw new RangeError("too long: " + part);
      } else {
        pieces.push(options.lower ? part.toLowerCase() : part);
      }
      start = at + 1;
    }
  }
  while (pieces.length && pieces[pieces.length - 1] === "") {
    pieces.pop();
  }
  return pieces;
}
