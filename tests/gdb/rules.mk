# A stock gdb attached to guests of tests/guest and to Debian's kernel.
CHECK_DEPS  += guests boot-files
CHECK_TESTS += tests/gdb/raw.t tests/gdb/gdb.t
SLOW_DEPS   += guests boot-files
SLOW_TESTS  += tests/gdb/linux-kvm.t
