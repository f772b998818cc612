static LIMIT: u32 = 1;
fn f() { let mut x = 1; x = 2; }
