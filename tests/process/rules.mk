# Process-level behaviour: options, exit codes, signals, daemon.

$(O)/tests/process/guest.elf: tests/process/guest.S
	@mkdir -p $(@D)
	$(Q)$(CC) -m32 -nostdlib -static -no-pie -Wl,-Ttext-segment=0x100000 \
	    -Wl,--build-id=none -Wl,-z,max-page-size=4096 -o $@ $<

CHECK_DEPS  += $(O)/tests/process/guest.elf
CHECK_TESTS += tests/process/process.t tests/process/sandbox.t tests/process/confine.t
