let calls = 0;
let client;
const table = {};
var name = 'x';
export function call(name) {
  calls++;
  name = 'y';
  client ??= make();
  if (!client) client = make();
  return name;
}
