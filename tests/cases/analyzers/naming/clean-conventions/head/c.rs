impl Trait for Thing { fn someThing(&self) {} }
extern "C" { pub fn CreateWindow(hWnd: u32); }
pub struct Row { pub id: u32 }
static COUNT: u32 = 1;
