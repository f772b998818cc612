eval(code);
