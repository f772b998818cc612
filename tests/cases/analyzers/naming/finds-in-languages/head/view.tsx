export interface view_props { title: string }
export const render_view = (props: view_props, dark_mode: boolean) => <p>{props.title}</p>;
