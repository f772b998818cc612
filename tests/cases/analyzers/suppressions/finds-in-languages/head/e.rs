#![allow(warnings)]
#[allow(dead_code, clippy::all)]
fn f() {}
#[test]
#[ignore]
fn t() {}
#[test]
#[ignore = "takes an hour"]
fn u() {}
