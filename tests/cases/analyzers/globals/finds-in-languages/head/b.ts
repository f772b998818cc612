export let mode: string = 'a';
export const setMode = (next: string) => { mode = next; };
