@Component()
export class Page {}

/** Says it. */
export interface Row { id: string }

export const four = (x: string) => x;
