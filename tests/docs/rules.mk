# The documents: what they name is there, and docs/ref is fresh.
CHECK_DEPS  += $(O)/tests/process/guest.elf $(O)/seccomp/gen/gen
CHECK_TESTS += tests/docs/docs.t
