# virtio devices driven by a stock Debian kernel's modules.
VIRTIO_DIR ?= $(O)/boot
NET_DIR    ?= $(O)/boot

$(VIRTIO_DIR)/virtio.gz: tests/virtio/init tests/virtio/initramfs.sh \
    tests/net/lease $(NET_DIR)/netguest $(BOOT_DIR)/busybox
	$(Q)sh tests/virtio/initramfs.sh $(BOOT_DIR) $(NET_DIR)/netguest $@

# Debian's ordinary kernel: the cloud one has no watchdog driver.  Where it
# cannot be had, the test says so.
FULL_DIR ?= $(O)/boot-full
$(FULL_DIR)/virtio.gz: tests/virtio/init tests/virtio/initramfs.sh \
    tests/boot/fetch.sh $(NET_DIR)/netguest | $(DEPS)
	$(Q)KERNEL=linux-image-amd64 sh tests/boot/fetch.sh $(FULL_DIR) && \
	    sh tests/virtio/initramfs.sh $(FULL_DIR) $(NET_DIR)/netguest $@ || \
	    rm -f $@

.PHONY: watchdog-files
watchdog-files: $(FULL_DIR)/virtio.gz
CHECK_DEPS  += watchdog-files
CHECK_TESTS += tests/virtio/watchdog.t

.PHONY: virtio-files
virtio-files: $(VIRTIO_DIR)/virtio.gz

CHECK_DEPS  += virtio-files $(O)/tests/bench/startup_guest.elf
CHECK_TESTS += tests/virtio/virtio.t tests/virtio/microvm.t tests/virtio/hotplug.t \
               tests/virtio/fleet.t tests/virtio/full.t tests/virtio/refused.t \
               tests/virtio/tap.t tests/virtio/console.t \
               tests/virtio/balloon.t
SLOW_DEPS   += virtio-files
SLOW_TESTS  += tests/virtio/disk-slow.t tests/virtio/microvm-slow.t

# A guest that is a host: mote in it, and the kernel modules of vhost.
VHOST_KERNEL = $(or $(wildcard $(BOOT_DIR)/microvm-vmlinux),$(BOOT_DIR)/vmlinuz)
$(VIRTIO_DIR)/vhost.gz: $(VIRTIO_DIR)/virtio.gz $(O)/mote $(O)/mote-tcg.so $(VHOST_KERNEL)
	$(Q)MODULES="tun vhost_net vhost_vsock" \
	    PROGRAMS="$(O)/mote $(O)/mote-tcg.so $(VHOST_KERNEL) $<" \
	    sh tests/virtio/initramfs.sh $(BOOT_DIR) $(NET_DIR)/netguest $@

.PHONY: vhost-files
vhost-files: $(VIRTIO_DIR)/vhost.gz
SLOW_DEPS   += vhost-files
SLOW_TESTS  += tests/virtio/vhost-slow.t

# Millions of requests with everything that can happen in between.
SOAK := $(O)/tests/virtio/soak
$(SOAK): tests/virtio/soak.c tests/virtio/ring.h $(O)/libmote.a | $(DEPS)
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD      $@")
	$(Q)$(CC) $(MOTE_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(O)/libmote.a \
	    $(MOTE_LDFLAGS) -lcmocka $(MOTE_LIBS)

CHECK_DEPS  += $(SOAK)
CHECK_TESTS += tests/virtio/soak.t
SLOW_DEPS   += $(SOAK)
SLOW_TESTS  += tests/virtio/soak-slow.t
-include $(SOAK).d
