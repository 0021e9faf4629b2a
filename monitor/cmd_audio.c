/* SPDX-License-Identifier: MIT */
/*
 * Recording sound.
 */
#include "monitor/mon.h"

const struct mon_cmd mon_audio_cmds[] = {
	{
		.name    = "wavcapture",
		.args    = "path:file audiodev:string freq:int? bits:int? "
			   "nchannels:int?",
		.params  = "path audiodev [frequency [bits [channels]]]",
		.help    = "record sound to a WAV file",
		.doc     = "44100 Hz, 16 bits and stereo unless said.",
		.example = "wavcapture out.wav audio0",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "sound",
	}, {
		.name    = "stopcapture",
		.args    = "n:int",
		.params  = "capture index",
		.help    = "end a recording",
		.doc     = "Index from info capture.",
		.example = "stopcapture 0",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "sound",
	},
	{ 0 }
};
