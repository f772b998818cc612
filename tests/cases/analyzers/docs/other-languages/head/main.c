static int bad_Name = 0;
int GetIt(void) { return bad_Name++; /* NOLINT */ }
