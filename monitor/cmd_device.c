/* SPDX-License-Identifier: MIT */
/*
 * Devices and objects come, go and show their properties.
 */
#include "monitor/mon.h"

const struct mon_cmd mon_device_cmds[] = {
	{
		.name    = "device_add",
		.args    = "device:options",
		.params  = "driver[,prop=value][,...]",
		.help    = "add a device",
		.doc     = "As -device. `device_add help` lists the models, "
			   "`MODEL,help` its properties.",
		.example = "device_add virtio-rng-pci,id=rng1",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "adding devices at run time",
	}, {
		.name    = "device_del",
		.args    = "id:string",
		.params  = "device",
		.help    = "remove a device",
		.doc     = "By its id or its object path. The guest may have "
			   "to agree.",
		.example = "device_del rng1",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "removing devices at run time",
	}, {
		.name    = "object_add",
		.args    = "object:rest",
		.params  = "[qom-type=]type,id=str[,prop=value][,...]",
		.help    = "add an object",
		.doc     = "As -object.",
		.example = "object_add iothread,id=io1",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "the object model",
	}, {
		.name    = "object_del",
		.args    = "id:string",
		.params  = "id",
		.help    = "remove an object",
		.doc     = "Remove an object.",
		.example = "object_del io1",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "the object model",
	}, {
		.name    = "qom-list",
		.args    = "path:string?",
		.params  = "path",
		.help    = "list the properties of an object",
		.doc     = "Without a path, the roots.",
		.example = "qom-list /machine",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "the object model",
	}, {
		.name    = "qom-get",
		.args    = "path:string property:string",
		.params  = "path property",
		.help    = "show a property of an object",
		.doc     = "As JSON.",
		.example = "qom-get /machine type",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "the object model",
	}, {
		.name    = "qom-set",
		.args    = "json:-j path:string property:string value:rest",
		.params  = "[-j] path property value",
		.help    = "set a property of an object",
		.doc     = "-j takes the value as JSON.",
		.example = "qom-set /objects/io1 poll-max-ns 0",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "the object model",
	},
	{ 0 }
};
