export function parse(input, options, report) {
  const parts = [];
  let start = 0;
  for (let at = 0; at <= input.length; at += 1) {
    const sign = input[at];
    if (sign === options.escape) {
      at += 1;
      continue;
    }
    if (at === input.length || sign === options.separator) {
      const part = input.slice(start, at).trim();
      if (part === "" && options.strict) {
        report.warn(`empty part at ${start}`);
      } else if (part.length > options.longest) {
        throw new RangeError("too long: " + part);
      } else {
        parts.push(options.lower ? part.toLowerCase() : part);
      }
      start = at + 1;
    }
  }
  while (parts.length && parts[parts.length - 1] === "") {
    parts.pop();
  }
  return parts;
}
