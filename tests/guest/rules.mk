# The test guests: multiboot ELF32 images of a few KiB, and the test that runs
# each under every provider (tests/guest/guests.cfg).
GUEST_DIR    := $(O)/tests/guest
GUEST_C32    := prot fault2 fault3 io irq32 debug32
GUEST_C64    := long gate fault4 fault5 irq64 smp stress guard debug64 debug0 fpu fputrap avx string move pkey
GUEST_ASM    := real triple mode0 mode1 mode2 mode3 mode4
GUEST_IMAGES := $(patsubst %,$(GUEST_DIR)/%.elf,$(GUEST_C32) $(GUEST_C64) $(GUEST_ASM))
GUEST_CFLAGS := -std=gnu11 -Os -ffreestanding -fno-pic -fno-pie \
                -fno-stack-protector -fno-asynchronous-unwind-tables \
                -fcf-protection=none -mgeneral-regs-only -Wall -Wextra \
                -Wno-unused-parameter
GUEST_LD     := -T tests/guest/guest.ld -z noexecstack -z max-page-size=4096 \
                --no-warn-rwx-segments
GUEST_HDRS   := tests/guest/rt.h tests/guest/rules.mk

# One source may give several guests: NAME's file, when it is not NAME.c.
GUEST_fault2  := fault
GUEST_fault3  := fault
GUEST_fault4  := fault
GUEST_fault5  := fault
GUEST_irq32   := irq
GUEST_irq64   := irq
GUEST_fputrap := fpu
GUEST_debug32 := debug
GUEST_debug64 := debug
$(foreach n,2 3 4 5,$(eval $(GUEST_DIR)/c/fault$(n).o: GUEST_CFLAGS += -DPAGING=$(n)))
$(GUEST_DIR)/c/fputrap.o: GUEST_CFLAGS += -DTRAPS
$(GUEST_DIR)/c/debug0.o: tests/guest/debug.c
$(GUEST_DIR)/c/smp.o $(GUEST_DIR)/c/stress.o $(GUEST_DIR)/c/move.o: tests/guest/ap.h

guest_src = tests/guest/$(or $(GUEST_$(1)),$(1)).c

define guest_c
$(GUEST_DIR)/c/$(1).o: $(call guest_src,$(1)) $(GUEST_HDRS)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(GUEST_CFLAGS) $(2) -c -o $$@ $$<
$(GUEST_DIR)/$(1).elf: $(GUEST_DIR)/c/$(1).o $(GUEST_DIR)/c/rt$(3).o $(GUEST_DIR)/c/rts$(3).o tests/guest/guest.ld
	$$(Q)ld -m $(4) $$(GUEST_LD) -o $$@.tmp $(GUEST_DIR)/c/rts$(3).o $(GUEST_DIR)/c/rt$(3).o $$<
	$$(Q)objcopy -O elf32-i386 $$@.tmp $$@ && rm -f $$@.tmp
endef
$(foreach g,$(GUEST_C32),$(eval $(call guest_c,$(g),-m32,32,elf_i386)))
$(foreach g,$(GUEST_C64),$(eval $(call guest_c,$(g),-m64 -mno-red-zone,64,elf_x86_64)))

$(GUEST_DIR)/c/rt32.o $(GUEST_DIR)/c/rts32.o: GUEST_CFLAGS += -m32
$(GUEST_DIR)/c/rt64.o $(GUEST_DIR)/c/rts64.o: GUEST_CFLAGS += -m64 -mno-red-zone
$(GUEST_DIR)/c/rt32.o $(GUEST_DIR)/c/rt64.o: tests/guest/rt.c $(GUEST_HDRS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<
$(GUEST_DIR)/c/rts32.o $(GUEST_DIR)/c/rts64.o: tests/guest/rt.S $(GUEST_HDRS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<

# Whole guests in assembly; modeN are one file.
$(GUEST_DIR)/c/mode%.o: tests/guest/mode.S $(GUEST_HDRS)
	@mkdir -p $(@D)
	$(Q)$(CC) -m32 -DMODE=$* -c -o $@ $<
$(GUEST_DIR)/c/real.o $(GUEST_DIR)/c/triple.o: $(GUEST_DIR)/c/%.o: tests/guest/%.S
	@mkdir -p $(@D)
	$(Q)$(CC) -m32 -c -o $@ $<
$(GUEST_ASM:%=$(GUEST_DIR)/%.elf): $(GUEST_DIR)/%.elf: $(GUEST_DIR)/c/%.o tests/guest/guest.ld
	$(Q)ld -m elf_i386 $(GUEST_LD) -o $@ $<

.PHONY: guests
guests: $(GUEST_IMAGES)

CHECK_DEPS  += guests
CHECK_TESTS += tests/guest/run.sh tests/guest/move.t
SLOW_TESTS  += tests/guest/stress-slow.t
