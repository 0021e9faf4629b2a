# make lint: the include ladder, sizes, openings, exit(), globals, headers.
# Objects are built first: the check of globals reads them.
lint: headers $(OBJS) $(TCG_OBJS) $(PRELOAD_OBJS) $(O)/vmm/main.o ## the rules of STYLE.md a program can check
	$(Q)python3 tests/lint/lint.py $(O)
CHECK_TESTS += tests/lint/lint.t
