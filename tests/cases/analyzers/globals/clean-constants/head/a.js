const x = 1;
let y = 2;
y = 3;
function f(y) { y = 4; let z = 1; z = 2; for (let x of []) { x = 1; } }
