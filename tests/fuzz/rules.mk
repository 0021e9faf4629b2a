# Hostile guests against the plugin.
TCG_FUZZ := $(O)/tests/fuzz/tcg_guest
CASES ?= 100000

$(TCG_FUZZ): tests/fuzz/tcg_guest.c $(O)/libtcg.a $(BASE_OBJS) | $(DEPS)
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD      $@")
	$(Q)$(CC) $(MOTE_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(O)/libtcg.a \
	    $(BASE_OBJS) $(MOTE_LDFLAGS) $(TCG_LIBS)

.PHONY: fuzz-guest
fuzz-guest: $(TCG_FUZZ) ## random code, tables and MSRs against the plugin: CASES=n SEED=s
	$(Q)$(TCG_FUZZ) $(CASES) $(SEED)

CHECK_DEPS  += $(TCG_FUZZ)
CHECK_TESTS += $(TCG_FUZZ)
-include $(TCG_FUZZ).d
