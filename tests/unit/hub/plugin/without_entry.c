int belfry_test_something(void);
int belfry_test_something(void) { return 1; }
