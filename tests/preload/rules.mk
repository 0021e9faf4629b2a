# mote-kvm-preload.so: a KVM program that is not mote, on the plugin.
KVM_PROG := $(O)/tests/preload/kvm_prog

$(KVM_PROG): tests/preload/kvm_prog.c | $(DEPS)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -o $@ $< -pthread

CHECK_DEPS  += $(KVM_PROG) boot-files
CHECK_TESTS += tests/preload/preload.t
