# The test guests: multiboot ELF32 images of a few KiB, and the test that runs
# each under every provider (tests/guest/guests.cfg).
GUEST_DIR := $(O)/tests/guest
GUEST_C32 := prot fault2 fault3 io irq smp debug32 modes
GUEST_C64 := long fault4 fault5 irq64 fpu debug64 string
GUEST_ASM := real triple mode0 mode1 mode2 mode3 mode4
GUESTS    := $(GUEST_C32) $(GUEST_C64) $(GUEST_ASM)
