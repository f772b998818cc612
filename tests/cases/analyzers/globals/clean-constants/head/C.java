class C { private int count; static final int MAX = 1; void add() { count++; } }
