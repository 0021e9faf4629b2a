# mote: build, test, install.  `make help` lists what there is.
#
# One Makefile, not recursive.  A room is a folder named once in ROOMS or
# TCG_ROOMS; its *.c are found by wildcard.  Output goes to $(O).

BUILD  ?= release
O      ?= build$(if $(filter-out release,$(BUILD)),-$(BUILD))
PREFIX ?= /usr/local
bindir ?= $(PREFIX)/bin
libdir ?= $(PREFIX)/lib
docdir ?= $(PREFIX)/share/doc/mote
mandir ?= $(PREFIX)/share/man
CC     ?= gcc
V      ?= 0
Q      := $(if $(filter 0,$(V)),@)

VERSION := 0.1.0

ROOMS     := vmm/base vmm/core vmm/kvm vmm/pci vmm/dev vmm/gdb vmm/block vmm/net virtio vmm \
             arch/x86 monitor seccomp
TCG_ROOMS := tcg-plugin tcg-plugin/memory tcg-plugin/code tcg-plugin/x86 \
             tcg-plugin/x86/irqchip
SLOW      ?=

# --- flags -----------------------------------------------------------------
WARN    := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wshadow \
           -Wpointer-arith -Wvla -Wno-unused-parameter
CFLAGS_release := -O2 -g
CFLAGS_debug   := -O0 -g3
CFLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined \
                  -fno-omit-frame-pointer
CFLAGS_tsan    := -O1 -g -fsanitize=thread
MOTE_CFLAGS := -std=gnu11 $(WARN) $(CFLAGS_$(BUILD)) -fPIC -fvisibility=hidden \
           -fno-plt -fno-strict-aliasing -fstack-protector-strong -pthread \
           -D_GNU_SOURCE -I. -I$(O) \
           -DMOTE_VERSION='"$(VERSION)"' -DMOTE_LIBDIR='"$(libdir)/mote"' \
           $(CFLAGS)
MOTE_LDFLAGS := -pthread $(filter -fsanitize% -fno-sanitize%,$(CFLAGS_$(BUILD))) $(LDFLAGS)

# Relocations packed where the linker can: 180 KiB less to read at each start.
comma := ,
PACK := -z$(comma)pack-relative-relocs
LINK := -Wl,-z,now,-z,relro$(if $(findstring pack-relative-relocs,$(shell \
            $(CC) -Wl$(comma)--help 2>/dev/null)),$(comma)$(PACK))

# Libraries other than libc are linked from their archives where Debian ships
# them: start-up stays cheap and the sandbox can close before any dlopen.
STATIC_LIBS := -luring -ljansson -lfdt -lz -lcapstone
MOTE_LIBS   := -Wl,-Bstatic $(STATIC_LIBS) -Wl,-Bdynamic -ldl -lm
TCG_LIBS    := -Wl,-Bstatic -lcapstone -Wl,-Bdynamic -lm

# --- sources ---------------------------------------------------------------
MAIN_SRC := vmm/main.c
SRCS     := $(filter-out $(MAIN_SRC),$(foreach r,$(ROOMS),$(wildcard $(r)/*.c)))
TCG_SRCS := $(foreach r,$(TCG_ROOMS),$(wildcard $(r)/*.c))
OBJS     := $(SRCS:%.c=$(O)/%.o)
TCG_OBJS := $(TCG_SRCS:%.c=$(O)/%.o)
# Guest FP state may be in the host's registers while the plugin's C runs: no
# file but those that work on it may use vector registers.
TCG_FP_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard $(addprefix tcg-plugin/x86/,sse*.c mmx*.c x87*.c fpu*.c xsave.c)))
ifeq ($(filter asan tsan,$(BUILD)),)
$(filter-out $(TCG_FP_OBJS),$(TCG_OBJS)): MOTE_CFLAGS += -mgeneral-regs-only
$(O)/tcg-plugin/memory/string.o: MOTE_CFLAGS += -fno-builtin -fno-tree-loop-distribute-patterns
endif
BASE_OBJS := $(filter $(O)/vmm/base/%,$(OBJS))
UNIT_SRCS := $(wildcard tests/unit/test_*.c)
UNITS     := $(UNIT_SRCS:%.c=$(O)/%)

.DEFAULT_GOAL := all
.PHONY: all help clean install deps demo check check-slow check-asan check-tsan lint bench headers units
all: $(O)/mote $(O)/mote-tcg.so $(O)/mote-kvm-preload.so $(O)/mote-slirp ## build the VMM and its plugin (default)

DEPS := $(O)/deps.ok
$(DEPS): tests/setup.sh
	@mkdir -p $(@D)
	$(Q)sh tests/setup.sh && touch $@
deps: $(DEPS) ## install the Debian packages the build and tests need
# Read as a makefile (it is empty): make then starts over with what there is now.
ifeq ($(filter clean help,$(MAKECMDGOALS)),)
include $(DEPS)
endif

# Filters are compiled from policy.def when mote is built, not when it starts.
$(O)/seccomp/gen/gen: seccomp/gen/gen.c seccomp/policy.def | $(DEPS)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -I. -o $@ $< -lseccomp
$(O)/seccomp/filters.h: $(O)/seccomp/gen/gen
	$(Q)$< >$@.new && mv $@.new $@
$(O)/seccomp/seccomp.o: $(O)/seccomp/filters.h

$(O)/%.o: %.c | $(DEPS)
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC      $<")
	$(Q)$(CC) $(MOTE_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/libmote.a: $(OBJS)
	$(Q)rm -f $@ && ar rcs $@ $^
$(O)/libtcg.a: $(TCG_OBJS)
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/mote: $(O)/$(MAIN_SRC:.c=.o) $(O)/libmote.a
	@$(if $(Q),echo "  LD      $@")
	$(Q)$(CC) -pie $(LINK) -o $@ $< $(O)/libmote.a $(MOTE_LDFLAGS) $(MOTE_LIBS)

# capstone_archs.o leaves out the disassemblers nobody calls.
$(O)/mote-tcg.so: $(TCG_OBJS) $(BASE_OBJS) $(O)/monitor/capstone_archs.o
	@$(if $(Q),echo "  LD      $@")
	$(Q)$(CC) -shared $(LINK) -Wl,--exclude-libs,ALL -o $@ $^ $(MOTE_LDFLAGS) $(TCG_LIBS)

# /dev/kvm for other programs.  What it exports is the C library's names.
PRELOAD_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard preload/*.c))
$(PRELOAD_OBJS): MOTE_CFLAGS += -fvisibility=default
$(O)/mote-kvm-preload.so: $(PRELOAD_OBJS)
	@$(if $(Q),echo "  LD      $@")
	$(Q)$(CC) -shared -Wl,-z,now,-z,relro -o $@ $^ $(MOTE_LDFLAGS) -ldl

# The helper of user-mode networks; no libslirp, no helper.
SLIRP_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard slirp/*.c))
SLIRP_LIBS := -Wl,-Bstatic -lseccomp -lcap-ng -Wl,-Bdynamic -lslirp
ifneq ($(wildcard /usr/include/slirp/libslirp.h)$(filter clean help,$(MAKECMDGOALS)),)
$(O)/mote-slirp: $(SLIRP_OBJS) $(BASE_OBJS)
	@$(if $(Q),echo "  LD      $@")
	$(Q)$(CC) -pie $(LINK) -o $@ $^ $(MOTE_LDFLAGS) $(SLIRP_LIBS)
else
$(O)/mote-slirp: | $(DEPS)
	@echo "  SKIP    $@: no libslirp-dev (network helpers are left out)"
endif

# --- tests -----------------------------------------------------------------
# A unit test links both archives; the linker takes what it uses.
$(O)/tests/unit/%: tests/unit/%.c $(O)/libmote.a $(O)/libtcg.a | $(DEPS)
	@mkdir -p $(@D)
	@$(if $(Q),echo "  TEST    $@")
	$(Q)$(CC) $(MOTE_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(O)/libtcg.a $(O)/libmote.a $(MOTE_LDFLAGS) -lcmocka $(MOTE_LIBS)
units: $(UNITS)

include $(wildcard tests/*/rules.mk)

check: all units $(CHECK_DEPS) ## build and run every test, TAP summary
	$(Q)O=$(O) CMOCKA_MESSAGE_OUTPUT=TAP prove --merge --timer $(PROVE_FLAGS) \
	    --exec 'sh tests/run-tap.sh' $(UNITS) $(CHECK_TESTS)
check-slow: all units $(CHECK_DEPS) $(SLOW_DEPS) ## the long tests
	$(Q)O=$(O) prove --merge --timer --exec 'sh tests/run-tap.sh' $(SLOW_TESTS)

# What vCPU, timer, irqfd and VMM threads share in the plugin.
TSAN_TESTS := $(addprefix build-tsan/tests/unit/test_tcg_,blocks code_buf fdtable halt_poll ioapic irqchip \
              irqfd lapic lapic_timer mmu pic pit provider routing slots stats sync timers tlb tlb2 tlb_aside)
check-tsan: ## the plugin's shared structures under ThreadSanitizer
	$(Q)$(MAKE) BUILD=tsan O=build-tsan $(TSAN_TESTS)
	$(Q)CMOCKA_MESSAGE_OUTPUT=TAP prove --merge --timer --exec 'sh tests/run-tap.sh' $(TSAN_TESTS)

# All but the translator's, whose code the sanitizer does not see.
ASAN_TESTS = $(patsubst tests/%.c,build-asan/tests/%,$(filter-out tests/unit/test_tcg_jit%, \
              $(wildcard tests/unit/test_*.c)))
check-asan: ## the unit tests under AddressSanitizer and UBSan
	$(Q)$(MAKE) BUILD=asan O=build-asan all $(ASAN_TESTS)
	$(Q)O=build-asan CMOCKA_MESSAGE_OUTPUT=TAP prove --merge --timer --exec 'sh tests/run-tap.sh' $(ASAN_TESTS)

headers: | $(DEPS) ## every header compiles alone
	$(Q)for h in $$(git ls-files '*.h'); do \
	    echo "#include \"$$h\"" | $(CC) $(MOTE_CFLAGS) -fsyntax-only -x c - || exit 1; done

install: all ## install under $(DESTDIR)$(PREFIX)
	install -D -m 755 $(O)/mote $(DESTDIR)$(bindir)/mote
	install -D -m 755 $(O)/mote-tcg.so $(DESTDIR)$(libdir)/mote/mote-tcg.so
	install -D -m 755 $(O)/mote-kvm-preload.so $(DESTDIR)$(libdir)/mote/mote-kvm-preload.so
	[ ! -f $(O)/mote-slirp ] || \
	    install -D -m 755 $(O)/mote-slirp $(DESTDIR)$(libdir)/mote/mote-slirp
	install -D -m 644 docs/ref/mote.1 $(DESTDIR)$(mandir)/man1/mote.1
	for f in README.md LICENSE $$(find docs -type f); do \
	    install -D -m 644 $$f $(DESTDIR)$(docdir)/$$f || exit 1; done

clean: ## remove the build folder
	rm -rf $(O)

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-21s%s\n", $$1, $$2}' Makefile
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-21s%s\n", $$1, $$2}' \
	    tests/*/rules.mk | sort
	@echo "  variables: BUILD=release|debug|asan|tsan  O=DIR  PREFIX=  DESTDIR=  V=1"

-include $(OBJS:.o=.d) $(TCG_OBJS:.o=.d) $(SLIRP_OBJS:.o=.d) $(PRELOAD_OBJS:.o=.d) $(UNITS:%=%.d) $(O)/vmm/main.d
