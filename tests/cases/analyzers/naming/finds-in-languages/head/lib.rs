pub struct user_row { pub userId: u32 }
pub fn getUser(rowId: u32) -> u32 { let rawId = rowId; rawId }
const max_rows: u32 = 3;
