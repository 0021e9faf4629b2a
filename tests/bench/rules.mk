# make bench: measurements, each a table on stdout and in $(O)/bench/.

BENCH      := $(O)/tests/bench
BENCH_N    ?= 20

$(BENCH)/startup_guest.elf: tests/bench/startup_guest.S
	@mkdir -p $(@D)
	$(Q)$(CC) -m32 -nostdlib -static -no-pie -Wl,-Ttext-segment=0x100000 \
	    -Wl,--build-id=none -Wl,-z,max-page-size=4096 -o $@ $<

$(BENCH)/startup_floor $(BENCH)/startup: $(BENCH)/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -Wall -Wextra -D_GNU_SOURCE -o $@ $<

.PHONY: bench-startup
bench-startup: all $(BENCH)/startup $(BENCH)/startup_floor $(BENCH)/startup_guest.elf
	@mkdir -p $(O)/bench
	$(Q)$(BENCH)/startup $(BENCH_N) $(BENCH)/startup_floor $(O)/mote \
	    $(BENCH)/startup_guest.elf | tee $(O)/bench/startup.txt

bench: bench-startup ## measure; tables in the build folder
