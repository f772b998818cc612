export function load_user(user_id) {
  const raw_text = fetch(user_id);
  return raw_text;
}
export class user_card {}
