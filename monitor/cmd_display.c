/* SPDX-License-Identifier: MIT */
/*
 * Screens and who may look at them.
 */
#include "monitor/mon.h"

const struct mon_cmd mon_display_cmds[] = {
	{
		.name    = "screendump",
		.args    = "filename:file format:-f= device:string? head:int?",
		.params  = "filename [-f format] [device [head]]",
		.help    = "save the screen as an image",
		.doc     = "PPM, or PNG with -f png.",
		.example = "screendump screen.ppm",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "displays",
	}, {
		.name    = "set_password",
		.args    = "protocol:string password:string display:-d= "
			   "connected:string?",
		.params  = "protocol password [-d display] "
			   "[action-if-connected]",
		.help    = "set the password of VNC or SPICE",
		.doc     = "Set the password of VNC or SPICE.",
		.example = "set_password vnc secret",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "displays",
	}, {
		.name    = "expire_password",
		.args    = "protocol:string time:string display:-d=",
		.params  = "protocol time [-d display]",
		.help    = "let a display password expire",
		.doc     = "now, never, +SECONDS, or seconds since 1970.",
		.example = "expire_password vnc +60",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "displays",
	}, {
		.name    = "client_migrate_info",
		.args    = "protocol:string hostname:string port:int? "
			   "tls-port:int? cert-subject:string?",
		.params  = "protocol hostname port tls-port cert-subject",
		.help    = "tell SPICE clients where the guest goes",
		.doc     = "Tell SPICE clients where the guest goes.",
		.example = "client_migrate_info spice host 5900",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "displays",
	},
	{ 0 }
};
