"a b"; debugger
//  debugger
debugger