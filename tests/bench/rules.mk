# make bench: measurements, each a table on stdout and in $(O)/bench/.

BENCH      := $(O)/tests/bench
BOOT_DIR   ?= $(O)/boot
BENCH_N    ?= 20

$(BENCH)/startup_guest.elf: tests/bench/startup_guest.S
	@mkdir -p $(@D)
	$(Q)$(CC) -m32 -nostdlib -static -no-pie -Wl,-Ttext-segment=0x100000 \
	    -Wl,--build-id=none -Wl,-z,max-page-size=4096 -o $@ $<

$(BENCH)/startup_floor $(BENCH)/startup: $(BENCH)/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -Wall -Wextra -D_GNU_SOURCE -o $@ $<

.PHONY: bench-startup
bench-startup: all $(BENCH)/startup $(BENCH)/startup_floor $(BENCH)/startup_guest.elf ## exec to the first output of a small guest, and memory
	@mkdir -p $(O)/bench
	$(Q)$(BENCH)/startup $(BENCH_N) $(BENCH)/startup_floor $(O)/mote \
	    $(BENCH)/startup_guest.elf | tee $(O)/bench/startup.txt

bench: bench-startup ## measure; tables in the build folder

# Who runs beside mote.  Where it cannot be installed, its columns are empty.
.PHONY: bench-peer
bench-peer:
	-$(Q)sh tests/setup.sh qemu-system-x86

# --- guest programs beside QEMU's TCG ------------------------------------------
LOADS ?=
$(BENCH)/guestbench: tests/bench/guestbench.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -Wall -Wextra -D_GNU_SOURCE -static -pthread \
	    -o $@ $< -lm

$(BENCH)/guests.gz: $(BENCH)/guestbench tests/bench/guestbench-init $(BOOT_DIR)/busybox
	$(Q)rm -rf $(BENCH)/root && mkdir -p $(BENCH)/root/bin
	$(Q)cp $(BOOT_DIR)/busybox $(BENCH)/guestbench $(BENCH)/root/bin/
	$(Q)cp tests/bench/guestbench-init $(BENCH)/root/init
	$(Q)chmod 755 $(BENCH)/root/init $(BENCH)/root/bin/*
	$(Q)cd $(BENCH)/root && find . | cpio --quiet -o -H newc -R 0:0 | \
	    gzip -1n >$(abspath $@)

.PHONY: bench-guests
bench-guests: all boot-files bench-peer $(BENCH)/guests.gz ## guest programs next to QEMU's TCG: LOADS="names"
	@mkdir -p $(O)/bench
	$(Q)python3 tests/bench/guests.py $(O)/mote $(BOOT_DIR) \
	    $(BENCH)/guests.gz $(BENCH)/guestbench $(O)/bench/guests.txt $(LOADS)

bench: bench-guests

# --- the monitor while the guest is busy ---------------------------------------
.PHONY: bench-monitor
bench-monitor: all ## how long the monitor takes to answer
	@mkdir -p $(O)/bench
	$(Q)O=$(O) python3 tests/bench/monitor.py | tee $(O)/bench/monitor.txt

bench: bench-monitor

# --- virtio beside QEMU's ----------------------------------------------------------
BENCH_SECONDS ?= 3
$(BENCH)/ioload: tests/bench/ioload.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -Wall -Wextra -D_GNU_SOURCE -static -o $@ $<

$(BENCH)/virtio.gz: $(BENCH)/ioload tests/bench/virtio-init tests/virtio/initramfs.sh \
    $(BOOT_DIR)/netguest $(BOOT_DIR)/busybox
	$(Q)INIT=tests/bench/virtio-init PROGRAMS=$(BENCH)/ioload \
	    sh tests/virtio/initramfs.sh $(BOOT_DIR) $(BOOT_DIR)/netguest $@

.PHONY: bench-virtio
bench-virtio: all boot-files bench-peer $(BENCH)/virtio.gz ## disks and networks next to QEMU's
	@mkdir -p $(O)/bench
	$(Q)python3 tests/bench/virtio.py $(O)/mote $(BOOT_DIR) $(BENCH)/virtio.gz \
	    $(BENCH)/ioload $(O)/bench/virtio.txt $(BENCH_SECONDS) "$(LOADS)" $(ROUNDS)

bench: bench-virtio

# --- the way of a disk request, no guest -----------------------------------------
BLKPATH_N    ?= 200000
BLKPATH_WRAP := malloc calloc realloc
$(BENCH)/blkpath: tests/bench/blkpath.c tests/virtio/ring.h $(O)/libmote.a | $(DEPS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MOTE_CFLAGS) -o $@ $< $(BLKPATH_WRAP:%=-Wl,--wrap=%) \
	    $(O)/libmote.a $(MOTE_LDFLAGS) -lcmocka $(MOTE_LIBS)

.PHONY: bench-blkpath
bench-blkpath: $(BENCH)/blkpath ## ns, system calls and allocations of a disk request
	@mkdir -p $(O)/bench
	$(Q)f=$$(mktemp -p /dev/shm 2>/dev/null || mktemp) && \
	    head -c 67108864 /dev/urandom >$$f && \
	    { $(BENCH)/blkpath $$f $(BLKPATH_N); rc=$$?; rm -f $$f; exit $$rc; } | \
	    tee $(O)/bench/blkpath.txt

bench: bench-blkpath

# --- a microVM's boot and memory beside QEMU's --------------------------------------
BOOT_ROUNDS ?= 5
.PHONY: bench-boot
bench-boot: all boot-files bench-peer virtio-files $(BENCH)/startup_guest.elf ## exec to shell on a microVM, memory beyond the guest's
	@mkdir -p $(O)/bench
	$(Q)python3 tests/bench/microvm.py $(O)/mote $(BOOT_DIR) \
	    $(VIRTIO_DIR)/virtio.gz $(BENCH)/startup_guest.elf \
	    $(O)/bench/microvm.txt $(BOOT_ROUNDS)

bench: bench-boot
