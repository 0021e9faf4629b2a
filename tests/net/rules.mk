# Networks inside a stock Debian kernel.
NET_DIR ?= $(O)/boot

$(NET_DIR)/netguest: tests/net/guest.c | $(DEPS)
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -Wall -Wextra -static -o $@ $<

NET_PARTS := init lease initramfs.sh
$(NET_DIR)/net.gz: $(NET_PARTS:%=tests/net/%) $(NET_DIR)/netguest $(BOOT_DIR)/busybox
	$(Q)sh tests/net/initramfs.sh $(BOOT_DIR) $(NET_DIR)/netguest $@

.PHONY: net-files
net-files: $(BOOT_DIR)/vmlinuz $(NET_DIR)/net.gz

CHECK_DEPS  += net-files
CHECK_TESTS += tests/net/net.t
