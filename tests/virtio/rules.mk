# virtio devices driven by a stock Debian kernel's modules.
VIRTIO_DIR ?= $(O)/boot

$(VIRTIO_DIR)/virtio.gz: tests/virtio/init tests/virtio/initramfs.sh $(BOOT_DIR)/busybox
	$(Q)sh tests/virtio/initramfs.sh $(BOOT_DIR) $@

.PHONY: virtio-files
virtio-files: $(VIRTIO_DIR)/virtio.gz
