// @flow
type A = {| a: 1 |}
debugger
