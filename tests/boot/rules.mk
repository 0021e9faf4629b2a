# make demo, and the boot test: a stock Debian kernel, fetched with apt.
BOOT_DIR ?= $(O)/boot

$(BOOT_DIR)/vmlinuz $(BOOT_DIR)/busybox &: tests/boot/fetch.sh | $(DEPS)
	$(Q)sh tests/boot/fetch.sh $(BOOT_DIR)
	@touch $(BOOT_DIR)/vmlinuz $(BOOT_DIR)/busybox

BOOT_PARTS := init inittab profile powerbutton initramfs.sh
$(BOOT_DIR)/initramfs.gz: $(BOOT_PARTS:%=tests/boot/%) $(BOOT_DIR)/busybox
	$(Q)sh tests/boot/initramfs.sh $(BOOT_DIR) $@

$(BOOT_DIR)/unpack: tests/boot/vmlinux.c | $(DEPS)
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -Wall -Wextra -o $@ $< -lz

# The ELF kernel inside, for PVH; a compression we cannot undo is no error.
$(BOOT_DIR)/vmlinux.tried: $(BOOT_DIR)/unpack $(BOOT_DIR)/vmlinuz
	$(Q)$< $(BOOT_DIR)/vmlinuz $(BOOT_DIR)/vmlinux || rm -f $(BOOT_DIR)/vmlinux
	@touch $@

.PHONY: boot-files
boot-files: $(BOOT_DIR)/vmlinuz $(BOOT_DIR)/initramfs.gz $(BOOT_DIR)/vmlinux.tried ## Debian's kernel and an initramfs, in build/boot

demo: all boot-files ## boot Debian's kernel to a shell on this terminal
	@sh tests/boot/demo.sh $(O)/mote $(BOOT_DIR)

# Protection keys: a program for a guest's first process.
$(BOOT_DIR)/pkeys: tests/boot/pkeys.c | $(DEPS)
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -Wall -Wextra -static -o $@ $<

CHECK_DEPS  += boot-files $(BOOT_DIR)/pkeys
CHECK_TESTS += tests/boot/boot.sh tests/boot/icount.t tests/boot/pkeys.t
SLOW_TESTS  += tests/boot/boot_i386.t tests/boot/crypto.t tests/boot/boot_kvm.t \
               tests/boot/switch.t

# make demo-disk: Debian on a disk, made by mmdebstrap (as root, once).
DISK_DIR ?= $(O)/disk
DISK_PARTS := disk.sh disk-init disk-check

$(DISK_DIR)/debian.img: $(DISK_PARTS:%=tests/boot/%) tests/virtio/initramfs.sh \
    $(BOOT_DIR)/netguest | $(BOOT_DIR)/vmlinuz
	$(Q)sh tests/boot/disk.sh $(BOOT_DIR) $(DISK_DIR)

.PHONY: demo-disk
demo-disk: all $(DISK_DIR)/debian.img ## boot Debian from a disk, with systemd and a network
	@sh tests/boot/demo-disk.sh $(O)/mote $(BOOT_DIR) $(DISK_DIR)

SLOW_DEPS  += boot-files virtio-files $(BOOT_DIR)/netguest
SLOW_TESTS += tests/boot/demo-disk.t

# A small kernel with everything built in, for boot-time figures and for what
# Debian's kernels lack.  Long: `make microvm-kernel`, once; MOTE_CACHE keeps it.
$(BOOT_DIR)/microvm-vmlinux: tests/boot/microvm.config tests/boot/kernel.sh
	$(Q)CC="$(CC)" sh tests/boot/kernel.sh $(BOOT_DIR)

.PHONY: microvm-kernel
microvm-kernel: $(BOOT_DIR)/microvm-vmlinux ## build the microVM kernel (minutes)
