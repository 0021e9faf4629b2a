/* SPDX-License-Identifier: MIT */
/*
 * What the command line asked for: plain, checked data.
 *
 * argv -> options.c -> struct vm_config -> machine_build() -> struct vm.
 *
 * Chardevs: machine_build opens every -chardev, then the -serial specs under
 * the ids serial0, serial1 ... and the -monitor specs as compat_monitor0 ...
 * ("none" opens nothing; "chardev:ID" uses ID).  Defaults are already in the
 * lists when config_parse returns: nobody else knows them.  `mons` then holds
 * one "chardev=ID,mode=readline" for every monitor there is, those of
 * -monitor and of "mon:..." specs too: the monitor room loops over it alone.
 *
 * Ownership: every pointer is owned by the config; config_fini frees all.
 */
#ifndef MOTE_CONFIG_H
#define MOTE_CONFIG_H

#include "vmm/base/err.h"
#include "vmm/base/types.h"
#include "seccomp/seccomp.h"

enum action_reboot   { REBOOT_RESET, REBOOT_SHUTDOWN };
enum action_shutdown { SHUTDOWN_POWEROFF, SHUTDOWN_PAUSE };
enum action_panic    { PANIC_SHUTDOWN, PANIC_PAUSE, PANIC_EXIT_FAILURE,
		       PANIC_NONE };
enum action_watchdog { WATCHDOG_RESET, WATCHDOG_SHUTDOWN, WATCHDOG_POWEROFF,
		       WATCHDOG_INJECT_NMI, WATCHDOG_PAUSE, WATCHDOG_DEBUG,
		       WATCHDOG_NONE };

/* What a board has; -M switches some (option_machine.c). */
enum board_part {
	BOARD_PCI     = BIT(0),        /* host, ECAM, LPC bridge           */
	BOARD_ACPI    = BIT(1),        /* tables; else an MP table         */
	BOARD_REDUCED = BIT(2),        /* ACPI without its fixed hardware  */
	BOARD_PIT     = BIT(3),
	BOARD_PIC     = BIT(4),
	BOARD_RTC     = BIT(5),
	BOARD_I8042   = BIT(6),
	BOARD_SERIAL  = BIT(7),        /* -serial makes ISA ports          */
	BOARD_FW_CFG  = BIT(8),
	BOARD_CMDLINE = BIT(9),        /* acpi=off: devices by command line */
	BOARD_PC      = BOARD_PCI | BOARD_ACPI | BOARD_PIT | BOARD_PIC |
			BOARD_RTC | BOARD_I8042 | BOARD_SERIAL | BOARD_FW_CFG,
};

/* One -device/-chardev/-mon/-serial... occurrence, as typed, in order. */
struct config_item {
	char *text;
	struct config_item *next;
};

struct vm_config {
	char *machine;                 /* "pc" (default), "q35", "microvm" */
	u32 board;                     /* of enum board_part               */
	u32 board_on, board_off;       /* switched so far, while parsing   */
	char *accel, *accel_opts;      /* NULL: default choice             */
	bool perfmap, jitdump;         /* files for perf: translator only  */
	bool one_insn;                 /* one-insn-per-tb, likewise        */
	bool eager;                    /* likewise                         */
	bool no_helper;                /* -accel kvm,helper=off            */
	bool can_switch;               /* -accel ...,switch=on             */
	unsigned dirty_ring;           /* -accel kvm,dirty-ring-size=      */
	char *cpu;                     /* model and flags, NULL: "max"     */
	unsigned cpus, max_cpus, sockets, cores, threads;
	u64 ram_bytes;                 /* default 128 MiB                  */
	char *kernel, *initrd, *append;
	char *name, *uuid;
	struct config_item *devices, *chardevs, *serials, *monitors, *mons;
	struct config_item *netdevs, *nics;
	struct config_item *drives, *blockdevs, *objects, *fw_cfgs;
	struct config_item *add_fds, *globals;
	bool nographic, nodefaults, no_user_config;
	bool start_paused;             /* -S                               */
	bool preconfig;                /* wait before building the machine */
	char *gdb;                     /* chardev spec, "tcp::1234" for -s */
	enum action_reboot   on_reboot;
	enum action_shutdown on_shutdown;
	enum action_panic    on_panic;
	enum action_watchdog on_watchdog;
	char *log_items, *log_file, *pidfile;
	bool daemonize;
	enum sandbox_mode sandbox;
	bool spawn;                    /* programs may start later         */
	int broker;                    /* who starts them, main.c's; or -1 */
	char *runas, *chroot, *jail;
	char *sandbox_paths;           /* "DIR[:DIR]...", NULL: no folders */
	enum { RTC_UTC, RTC_LOCALTIME, RTC_DATE } rtc_base;
	s64 rtc_date;                  /* seconds since 1970, RTC_DATE     */
	enum {
		RTC_CLOCK_DEFAULT,     /* HOST; VM with -icount            */
		RTC_CLOCK_HOST, RTC_CLOCK_RT, RTC_CLOCK_VM,
	} rtc_clock;
	struct {                       /* -icount                          */
		bool on, automatic, sleep;
		u8 shift;
	} icount;
	bool snapshot;
	bool wants_exit;               /* -help/-version printed: exit 0   */
};

/* The chardev id behind serial port `n`: "serial0", the ID of "chardev:ID", or
 * NULL when there is no such port ("none").  `buf` may hold the result. */
const char *config_serial(const struct vm_config *c, unsigned n, char buf[16]);
unsigned config_serial_count(const struct vm_config *c);
/* The chardev of a row of `monitors`: QMP's are "qmp:SPEC", "qmp-pretty:SPEC".
 */
const char *config_monitor_spec(const char *text);

void config_init(struct vm_config *c);
void config_fini(struct vm_config *c);
/* Parse and check.  -EINVAL with a sentence naming the option.  `out` gets
 * the text of -help, -version, -device help ... */
struct strbuf;
int  config_parse(struct vm_config *c, int argc, char **argv,
		  struct strbuf *out, struct err *e);

/* --- the tables, for who asks what mote could be told --- */

/* The i-th type -machine takes, the default first; NULL: no more. */
const char *config_machine(unsigned i);
/* The i-th on/off property of -machine; NULL: no more.  *help may be NULL. */
const char *config_machine_prop(unsigned i, const char **help);
/* The i-th option there is; false: no more.  Those that are not supported yet
 * are left out. */
struct config_option {
	const char *name, *help;
	const char *syntax;            /* of its argument; NULL: none      */
	const char *same_as;           /* the option it is another name of */
};
bool config_option(unsigned i, struct config_option *o);
/* manual.c: mote(1), in the language of man(7). */
void config_manual(struct strbuf *out);

#endif
