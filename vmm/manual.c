/* SPDX-License-Identifier: MIT */
/*
 * mote(1): the manual page, made of the option table (`make docs-ref`).
 *
 * Room:     man(7)'s language and the few words that are no option's.
 * Talks to: config_option.
 * Never:    part of the VMM: nothing in it calls this.
 */
#include "vmm/base/strbuf.h"
#include "vmm/config.h"

static const char head[] =
	".\\\" Generated from vmm/options.def by `make docs-ref`; do not edit.\n"
	".TH MOTE 1 \"\" \"mote " MOTE_VERSION "\" \"User commands\"\n"
	".ad l\n"
	".nh\n"
	".SH NAME\n"
	"mote \\- virtual machine monitor for KVM, and for hosts without it\n"
	".SH SYNOPSIS\n"
	".B mote\n"
	"[\\fIoption\\fR...]\n"
	".SH DESCRIPTION\n"
	"Runs one virtual machine: an x86-64 guest, started from a kernel,\n"
	"by the host's KVM or by a plugin that translates.\n"
	"Names of options are QEMU's, and so are those of the commands of its\n"
	"monitors; what is not there yet says so and ends mote.\n"
	"Options may begin with one dash or two.\n"
	"Commas within a value are doubled.\n"
	".SH OPTIONS\n";

static const char tail[] =
	".SH KEYS\n"
	"Where serial port and monitor share the terminal, Ctrl\\-a is the\n"
	"escape: \\fBh\\fR help, \\fBc\\fR console and monitor in turn,\n"
	"\\fBx\\fR end, \\fBt\\fR time stamps, \\fBb\\fR break,\n"
	"Ctrl\\-a the key itself.\n"
	".SH EXIT STATUS\n"
	"0 when the guest powered off or a monitor said \\fBquit\\fR;\n"
	"1 when the machine could not be built, or the guest panicked under\n"
	"\\fB\\-action panic=exit-failure\\fR;\n"
	"what the guest chose where it has an isa-debug-exit device.\n"
	".SH EXAMPLES\n"
	"A kernel on this terminal, without disks:\n"
	".PP\n"
	".nf\n"
	"    mote \\-m 512 \\-smp 2 \\-nographic \\-kernel vmlinuz \\e\n"
	"        \\-initrd initramfs.gz \\-append console=ttyS0\n"
	".fi\n"
	".PP\n"
	"With a disk, a network and monitors on sockets:\n"
	".PP\n"
	".nf\n"
	"    mote \\-m 2G \\-kernel vmlinuz \\-append \"root=/dev/vda1\" \\e\n"
	"        \\-drive file=disk.img,if=virtio,format=raw \\e\n"
	"        \\-nic user,model=virtio\\-net\\-pci \\e\n"
	"        \\-monitor unix:/run/vm.sock,server=on,wait=off \\e\n"
	"        \\-qmp unix:/run/vm.qmp,server=on,wait=off\n"
	".fi\n"
	".SH SEE ALSO\n"
	"README.md, docs/ and docs/ref/ in /usr/local/share/doc/mote or where\n"
	"mote was installed; \\fBgdb\\fR(1), \\fBsocat\\fR(1).\n";

/* Dashes that can be typed, backslashes that are seen. */
static void add_text(struct strbuf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			strbuf_addstr(out, "\\e");
		else if (*text == '-')
			strbuf_addstr(out, "\\-");
		else
			strbuf_addc(out, *text);
	}
}

static void add_option(struct strbuf *out, const struct config_option *o)
{
	strbuf_addstr(out, ".TP\n\\fB\\-");
	add_text(out, o->name);
	strbuf_addstr(out, "\\fR");
	if (o->syntax) {
		strbuf_addstr(out, " \\fI");
		add_text(out, o->syntax);
		strbuf_addstr(out, "\\fR");
	}
	strbuf_addc(out, '\n');
	if (o->same_as) {
		strbuf_addstr(out, "The same as \\fB\\-");
		add_text(out, o->same_as);
		strbuf_addstr(out, "\\fR.\n");
		return;
	}
	strbuf_addstr(out, "\\&");     /* no word may begin a request */
	add_text(out, o->help);
	strbuf_addstr(out, ".\n");
}

void config_manual(struct strbuf *out)
{
	struct config_option o;

	strbuf_addstr(out, head);
	for (unsigned i = 0; config_option(i, &o); i++)
		add_option(out, &o);
	strbuf_addstr(out, tail);
}
