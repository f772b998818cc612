static mut COUNT: u32 = 0;
static LIMIT: u32 = 1;
extern "C" { static mut errno: i32; }
