// @ts-expect-error the types upstream are wrong
f();
// @ts-ignore
g(); // biome-ignore lint/style: generated
