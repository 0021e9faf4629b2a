# Instructions against the host CPU.  engine_interp.c brings its own MMU, so
# its definitions come first and win over libtcg.a's.
INSN_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard tests/insn/*.c))
INSN_TEST := $(O)/tests/insn/insn-test
N    ?= 1000000
SEED ?= $(shell date +%s)

$(INSN_TEST): $(INSN_OBJS) $(O)/libtcg.a $(BASE_OBJS) | $(O)/mote-tcg.so
	@$(if $(Q),echo "  LD      $@")
	$(Q)$(CC) -o $@ $(INSN_OBJS) -Wl,-z,muldefs $(O)/libtcg.a $(BASE_OBJS) \
	    $(MOTE_LDFLAGS) $(MOTE_LIBS)

.PHONY: fuzz-insn
fuzz-insn: $(INSN_TEST) ## instructions against the host CPU: N=cases SEED=s
	$(Q)$(INSN_TEST) -n $(N) -s $(SEED) $(FUZZ_FLAGS)

CHECK_DEPS  += $(INSN_TEST)
CHECK_TESTS += $(INSN_TEST)
-include $(INSN_OBJS:.o=.d)
