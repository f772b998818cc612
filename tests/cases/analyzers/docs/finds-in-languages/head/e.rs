/// Says it.
#[derive(Debug)]
pub struct Row;

#[derive(Debug)]
pub struct Cell;

impl Row {
    pub fn id(&self) -> u32 { 1 }
}

pub(crate) fn inner() {}
