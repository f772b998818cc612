pub fn ge​tUser() {}
pub fn getIt() {}
