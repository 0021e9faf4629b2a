# Hostile guests against the plugin.
TCG_FUZZ := $(O)/tests/fuzz/tcg_guest
CASES ?= 100000

$(TCG_FUZZ): tests/fuzz/tcg_guest.c $(O)/libtcg.a $(BASE_OBJS) | $(DEPS)
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD      $@")
	$(Q)$(CC) $(MOTE_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(O)/libtcg.a \
	    $(BASE_OBJS) $(MOTE_LDFLAGS) $(TCG_LIBS)

.PHONY: fuzz-guest
fuzz-guest: $(TCG_FUZZ) ## random code, tables and MSRs against the plugin: CASES=n|SECONDSs SEED=s
	$(Q)$(TCG_FUZZ) $(CASES) $(SEED)

CHECK_DEPS  += $(TCG_FUZZ)
CHECK_TESTS += $(TCG_FUZZ)
-include $(TCG_FUZZ).d

# The monitors: libFuzzer with clang, and in `make check` the corpus replayed.
MON_FUZZ  := $(O)/tests/fuzz/fuzz_hmp $(O)/tests/fuzz/fuzz_qmp $(O)/tests/fuzz/fuzz_gdb
FUZZ_MAIN ?= tests/fuzz/replay.c
FUZZ_WRAP := open open64 openat socket socketpair connect bind unlink rename \
             mkstemp posix_openpt fork vfork execve posix_spawn tcsetattr fopen \
             vcpu_park vcpu_park_ask vcpu_resume
FUZZ_SECONDS ?= 60
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined

$(MON_FUZZ): $(O)/tests/fuzz/%: tests/fuzz/%.c $(FUZZ_MAIN) $(O)/libmote.a | $(DEPS)
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD      $@")
	$(Q)$(CC) $(MOTE_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(FUZZ_MAIN) \
	    $(FUZZ_WRAP:%=-Wl,--wrap=%) $(O)/libmote.a $(MOTE_LDFLAGS) -lcmocka $(MOTE_LIBS)

# clang has libFuzzer, and warns of what gcc takes without a word.
FUZZ_CC = $(MAKE) O=$(O)-fuzz CC=clang FUZZ_MAIN= \
    CFLAGS="-g -O1 -Wno-gnu-variable-sized-type-not-at-end -fsanitize=fuzzer-no-link $(FUZZ_SAN)" \
    LDFLAGS="-fsanitize=fuzzer $(FUZZ_SAN)"
FUZZ_CLANG := sh tests/setup.sh clang libclang-rt-dev

# usage: $(call fuzz,hmp)
fuzz = $(FUZZ_CLANG) && $(FUZZ_CC) $(O)-fuzz/tests/fuzz/fuzz_$(1) && \
    mkdir -p $(O)-fuzz/corpus/$(1) && $(O)-fuzz/tests/fuzz/fuzz_$(1) \
    -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=4096 \
    -artifact_prefix=$(O)-fuzz/ -close_fd_mask=1 $(O)-fuzz/corpus/$(1) tests/fuzz/corpus/$(1)

.PHONY: fuzz-hmp fuzz-qmp fuzz-gdb
fuzz-gdb: ## libFuzzer on the gdb server: FUZZ_SECONDS=n
	$(Q)$(call fuzz,gdb)
fuzz-hmp: ## libFuzzer on human monitor lines: FUZZ_SECONDS=n
	$(Q)$(call fuzz,hmp)
fuzz-qmp: ## libFuzzer on QMP: FUZZ_SECONDS=n
	$(Q)$(call fuzz,qmp)

CHECK_DEPS  += $(MON_FUZZ)
CHECK_TESTS += tests/fuzz/replay.t
-include $(MON_FUZZ:%=%.d)

# Devices and transports: one program, its name says what is fuzzed.  And the
# virtqueue by itself.
FUZZ_DEVICES := virtio-blk virtio-net virtio-serial virtio-vsock \
                virtio-balloon virtio-rng i6300esb pci mmio
DEVICE_FUZZ  := $(FUZZ_DEVICES:%=$(O)/tests/fuzz/fuzz_%)
VIRTIO_FUZZ  := $(O)/tests/fuzz/fuzz_device $(O)/tests/fuzz/fuzz_virtq

$(VIRTIO_FUZZ): $(O)/tests/fuzz/%: tests/fuzz/%.c $(wildcard tests/fuzz/*.h) $(FUZZ_MAIN) $(O)/libmote.a | $(DEPS)
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD      $@")
	$(Q)$(CC) $(MOTE_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(FUZZ_MAIN) \
	    $(O)/libmote.a $(MOTE_LDFLAGS) -lcmocka $(MOTE_LIBS)
$(DEVICE_FUZZ): $(O)/tests/fuzz/fuzz_device
	$(Q)ln -f $< $@

.PHONY: $(FUZZ_DEVICES:%=fuzz-%) fuzz-virtq
$(FUZZ_DEVICES:%=fuzz-%) fuzz-virtq: fuzz-%:
	$(Q)$(call fuzz,$*)
fuzz-virtio-blk: ## libFuzzer on a device; and -net -serial -vsock -balloon -rng
fuzz-pci: ## libFuzzer on virtio's PCI registers: FUZZ_SECONDS=n
fuzz-mmio: ## libFuzzer on virtio's MMIO registers: FUZZ_SECONDS=n
fuzz-virtq: ## libFuzzer on virtqueues: FUZZ_SECONDS=n

CHECK_DEPS  += $(DEVICE_FUZZ) $(VIRTIO_FUZZ)
CHECK_TESTS += tests/fuzz/device.t tests/fuzz/virtq.t
-include $(VIRTIO_FUZZ:%=%.d)

SLOW_TESTS  += tests/fuzz/libfuzzer-slow.t
