// SPDX-License-Identifier: MIT
/*
 * What the commands about virtio devices and the balloon do.  See disk.h.
 *
 * Talks to: virtio/virtio.h, virtio/virtio_balloon.h.
 * Never:    changes a queue it looks at.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/both.h"
#include "monitor/disk.h"
#include "monitor/qom.h"
#include "virtio/vhost.h"
#include "virtio/virtio.h"
#include "virtio/virtio_balloon.h"

/* --- the balloon ----------------------------------------------------------- */

static struct device *find_balloon(struct vm *vm, struct err *e)
{
	struct list *p;

	list_for_each(p, &vm->devices) {
		struct device *d = list_entry(p, struct device, node);
		const struct virtio_class *c = d->class->virtio;

		if (c && c->id == VIRTIO_ID_BALLOON)
			return d;
	}
	err_set(e, -ENODEV, "No balloon device has been activated");
	return NULL;
}

int mon_do_balloon(struct vm *vm, u64 target, struct err *e)
{
	const u64 ram = vm->config->ram_bytes;
	struct device *d = find_balloon(vm, e);

	if (!d)
		return -ENODEV;
	if (!target)
		return err_set(e, -EINVAL, "Parameter 'target' expects a size");
	balloon_set(d, (ram - MIN(target, ram)) / PAGE_SIZE);
	return 0;
}

int mon_do_query_balloon(struct vm *vm, u64 *actual, struct balloon_stats *s,
			 struct err *e)
{
	const u64 ram = vm->config->ram_bytes;
	struct device *d = find_balloon(vm, e);
	u64 pages = 0;         /* as the guest says */

	if (!d)
		return -ENODEV;
	balloon_get(d, &pages, s);
	*actual = ram - MIN(pages, ram / PAGE_SIZE) * PAGE_SIZE;
	return 0;
}

int mon_do_balloon_hint(struct vm *vm, struct err *e)
{
	struct device *d = find_balloon(vm, e);

	return d ? balloon_hint(d, e) : -ENODEV;
}

void mon_balloon_hint(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct err e = { 0 };

	if (mon_do_balloon_hint(mon_vm(m), &e) < 0)
		mon_error(m, &e);
}

void mon_balloon(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	if (mon_do_balloon(mon_vm(m), a[0].num, &e) < 0)
		mon_error(m, &e);
}

static const char *const stat_names[BALLOON_STATS] = {
	"swap_in", "swap_out", "major_page_faults", "minor_page_faults",
	"free_mem", "total_mem", "available_mem", "disk_caches",
	"hugetlb_allocations", "hugetlb_failures",
};

void mon_info_balloon(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct balloon_stats s = { .seconds = 0 };
	struct err e = { 0 };
	u64 actual = 0;

	if (mon_do_query_balloon(mon_vm(m), &actual, &s, &e) < 0) {
		mon_error(m, &e);
		return;
	}
	mon_printf(m, "balloon: actual=%llu",
		   (unsigned long long)(actual / MiB));
	for (unsigned i = 0; i < BALLOON_STATS; i++)
		if (s.seconds && s.val[i] != UINT64_MAX)
			mon_printf(m, " %s=%llu", stat_names[i],
				   (unsigned long long)s.val[i]);
	mon_puts(m, "\n");
}

/* --- virtio ---------------------------------------------------------------- */

void mon_backend_path(struct vm *vm, const struct device *d, struct strbuf *out)
{
	char path[256];

	qom_device_path(vm, d, path, sizeof(path));
	strbuf_addf(out, "%s%s", path, d->class->virtio ? "/virtio-backend" :
		    "");
}

/* Calls fn with every virtio device and its path until it says true. */
static bool each(struct mon *m,
		 bool (*fn)(struct virtio *v, const char *path, void *o), void *o)
{
	struct strbuf path = STRBUF_INIT;
	bool stop = false;
	struct list *p;

	list_for_each(p, &mon_vm(m)->devices) {
		struct device *d = list_entry(p, struct device, node);

		if (!d->class->virtio || stop)
			continue;
		strbuf_reset(&path);
		mon_backend_path(mon_vm(m), d, &path);
		stop = fn(to_virtio(d), path.buf, o);
	}
	strbuf_fini(&path);
	return stop;
}

struct visit {
	void (*fn)(const char *path, const char *name, void *opaque);
	void *opaque;
};

static bool visit(struct virtio *v, const char *path, void *o)
{
	const struct visit *w = o;

	w->fn(path, v->class->name, w->opaque);
	return false;
}

void mon_each_virtio(struct mon *m, void (*fn)(const char *path,
		     const char *name, void *opaque), void *opaque)
{
	struct visit w = { fn, opaque };

	each(m, visit, &w);
}

static bool print_one(struct virtio *v, const char *path, void *o)
{
	mon_printf(o, "%s [%s]\n", path, v->class->name);
	return false;
}

static bool is_one(struct virtio *v, const char *path, void *o)
{
	(void)v;
	(void)path;
	*(bool *)o = true;
	return true;
}

void mon_info_virtio(struct mon *m, const struct mon_arg *a)
{
	bool any = false;

	(void)a;
	each(m, is_one, &any);
	if (any)
		each(m, print_one, m);
	else
		mon_puts(m, "No VirtIO devices\n");
}

struct search {
	const char *path;
	struct virtio *found;
};

static bool is_it(struct virtio *v, const char *path, void *o)
{
	const char *id = v->pci.dev.id;
	struct search *s = o;

	if (strcmp(path, s->path) && (!id || strcmp(id, s->path)))
		return false;
	s->found = v;
	return true;
}

struct virtio *mon_find_virtio(struct mon *m, const char *path, struct err *e)
{
	struct search s = { path, NULL };

	if (!each(m, is_it, &s))
		err_set(e, -ENODEV, "Path %s is not a VirtIODevice", path);
	return s.found;
}

static struct virtio *find(struct mon *m, const char *path)
{
	struct err e = { 0 };
	struct virtio *v = mon_find_virtio(m, path, &e);

	if (!v)
		mon_error(m, &e);
	return v;
}

static const char *const ring_names[64] = {
	[VIRTIO_F_INDIRECT_DESC] = "indirect_desc",
	[VIRTIO_F_EVENT_IDX] = "event_idx", [VIRTIO_F_VERSION_1] = "version_1",
	[VIRTIO_F_RING_PACKED] = "ring_packed", [VIRTIO_F_IN_ORDER] = "in_order",
	[VIRTIO_F_RING_RESET] = "ring_reset",
};

const char *mon_virtio_feature(const struct virtio *v, unsigned bit)
{
	const char *const *names = v->class->feature_names;

	return ring_names[bit] ? ring_names[bit] : names ? names[bit] : NULL;
}

static void print_features(struct mon *m, const struct virtio *v, u64 f)
{
	for (unsigned i = 0; i < 64; i++) {
		const char *name = mon_virtio_feature(v, i);

		if (f >> i & 1 && name)
			mon_printf(m, "\t%s\n", name);
		else if (f >> i & 1)
			mon_printf(m, "\tbit %u\n", i);
	}
}

const char *mon_virtio_status(unsigned bit)
{
	static const char *const names[8] = { "ACKNOWLEDGE", "DRIVER",
		"DRIVER_OK", "FEATURES_OK", NULL, NULL, "NEEDS_RESET",
		"FAILED" };

	return names[bit];
}

static void print_status(struct mon *m, u8 s)
{
	for (unsigned i = 0; i < 8; i++)
		if (s >> i & 1 && mon_virtio_status(i))
			mon_printf(m, "\t%s\n", mon_virtio_status(i));
}

bool mon_virtio_vhost(const struct virtio *v)
{
	for (unsigned i = 0; i < v->nqueues; i++)
		if (v->q[i].vhost)
			return true;
	return false;
}

void mon_info_virtio_status(struct mon *m, const struct mon_arg *a)
{
	struct virtio *v = find(m, a[0].str);

	if (!v)
		return;
	SCOPED_LOCK(&v->pci.dev.lock);
	mon_printf(m, "%s:\n", a[0].str);
	mon_printf(m, "  device_name:             %s\n", v->class->name);
	mon_printf(m, "  device_id:               %u\n", v->class->id);
	mon_printf(m, "  transport:               %s\n", v->transport->name);
	mon_printf(m, "  vhost_started:           %s\n",
		   mon_virtio_vhost(v) ? "true" : "false");
	mon_printf(m, "  bus_name:                %s\n", v->pci.dev.class->bus);
	mon_printf(m, "  broken:                  %s\n",
		   v->status & VIRTIO_S_NEEDS_RESET ? "true" : "false");
	mon_printf(m, "  guest_errors:            %u%s%s\n", v->errors,
		   v->why ? ", last: " : "", v->why ? v->why : "");
	mon_printf(m, "  isr:                     %u\n", v->isr);
	mon_printf(m, "  started:                 %s\n",
		   v->started ? "true" : "false");
	mon_printf(m, "  num_vqs:                 %u\n", v->nqueues);
	mon_printf(m, "  status:\n");
	print_status(m, v->status);
	mon_printf(m, "  Guest features:\n");
	print_features(m, v, v->features);
	mon_printf(m, "  Host features:\n");
	print_features(m, v, v->offered);
}

static struct virtq *find_queue(struct mon *m, struct virtio *v, u64 n)
{
	struct err e = { 0 };

	if (n < v->nqueues)
		return virtio_q(v, n);
	err_set(&e, -EINVAL, "Invalid virtqueue number %d", (int)n);
	mon_error(m, &e);
	return NULL;
}

void mon_info_virtio_queue(struct mon *m, const struct mon_arg *a)
{
	struct virtio *v = find(m, a[0].str);
	struct virtq *q = v ? find_queue(m, v, a[1].num) : NULL;

	if (!q)
		return;
	SCOPED_LOCK(&v->pci.dev.lock);
	mon_printf(m, "%s:\n", a[0].str);
	mon_printf(m, "  device_name:          %s\n", v->class->name);
	mon_printf(m, "  queue_index:          %u\n", q->index);
	mon_printf(m, "  enabled:              %s\n",
		   q->enabled ? "true" : "false");
	mon_printf(m, "  inuse:                %u\n", q->inuse);
	mon_printf(m, "  used_idx:             %u\n", q->used_idx);
	mon_printf(m, "  last_avail_idx:       %u\n", q->avail_idx);
	mon_printf(m, "  shadow_avail_idx:     %u\n", q->shadow_avail);
	mon_printf(m, "  popped, pushed:       %llu, %llu\n",
		   (unsigned long long)q->popped,
		   (unsigned long long)q->pushed);
	mon_printf(m, "  VRing:\n");
	mon_printf(m, "    layout:      %s\n", q->packed ? "packed" : "split");
	mon_printf(m, "    num:         %u\n", q->size);
	mon_printf(m, "    num_default: %u\n", q->size_max);
	mon_printf(m, "    desc:        0x%016llx\n",
		   (unsigned long long)q->desc);
	mon_printf(m, "    avail:       0x%016llx\n",
		   (unsigned long long)q->driver);
	mon_printf(m, "    used:        0x%016llx\n",
		   (unsigned long long)q->device);
}

static void print_descs(struct mon *m, const struct virtq *q, unsigned at)
{
	struct virtq_peek p;

	mon_printf(m, "  descriptors:\n");
	for (unsigned n = 0; n < q->size && virtq_peek_desc(q, at, &p); n++) {
		mon_printf(m, "    %u: addr 0x%llx len %u%s%s%s\n", at,
			   (unsigned long long)p.addr, p.len,
			   p.flags & 2 ? " write" : "",
			   p.flags & 4 ? " indirect" : "",
			   p.flags & 1 ? " next" : "");
		if (!(p.flags & 1))
			break;
		at = q->packed ? (at + 1) % q->size : p.next;
	}
}

void mon_info_virtio_element(struct mon *m, const struct mon_arg *a)
{
	struct virtio *v = find(m, a[0].str);
	struct virtq *q = v ? find_queue(m, v, a[1].num) : NULL;
	struct virtq_ring_info r;
	u16 at;

	if (!q)
		return;
	SCOPED_LOCK(&v->pci.dev.lock);
	at = a[2].given ? a[2].num : q->avail_idx;
	mon_printf(m, "%s:\n", a[0].str);
	mon_printf(m, "  device_name: %s\n", v->class->name);
	mon_printf(m, "  index:   %u\n", at);
	if (virtq_peek_ring(q, at, &r)) {
		print_descs(m, q, r.head);
		mon_printf(m, "  avail:\n    flags: %u\n    idx:   %u\n"
			   "    ring:  %u\n", r.avail_flags, r.avail_idx, r.head);
		mon_printf(m, "  used:\n    flags: %u\n    idx:   %u\n",
			   r.used_flags, r.used_idx);
	} else {
		print_descs(m, q, at);
	}
}

const char *mon_virtio_no_vhost(const struct virtio *v)
{
	return mon_virtio_vhost(v) ? "vhost does not work this queue" :
				     "vhost device has not started yet";
}

static void print_area(struct mon *m, const char *name, const void *host,
		       u64 gpa, u64 len)
{
	mon_printf(m, "    %s:%*s0x%016llx\n", name, 12 - (int)strlen(name), "",
		   (unsigned long long)(uintptr_t)host);
	mon_printf(m, "    %s_phys:%*s0x%016llx\n", name,
		   7 - (int)strlen(name), "", (unsigned long long)gpa);
	mon_printf(m, "    %s_size:%*s%llu\n", name, 7 - (int)strlen(name), "",
		   (unsigned long long)len);
}

/* What the kernel was told.  Its place in the ring is its own while it runs. */
void mon_info_virtio_vhost(struct mon *m, const struct mon_arg *a)
{
	struct virtio *v = find(m, a[0].str);
	struct virtq *q = v ? find_queue(m, v, a[1].num) : NULL;
	struct err e = { 0 };
	struct vhost *h;

	if (!q)
		return;
	SCOPED_LOCK(&v->pci.dev.lock);
	h = v->q[q->index].vhost;
	if (!h) {
		err_set(&e, -ENODEV, "%s", mon_virtio_no_vhost(v));
		mon_error(m, &e);
		return;
	}
	mon_printf(m, "%s:\n", a[0].str);
	mon_printf(m, "  device_name:          %s (vhost)\n", v->class->name);
	mon_printf(m, "  kick:                 %d\n", v->q[q->index].kick_fd);
	mon_printf(m, "  call:                 %d\n",
		   h->call_fd[q->index - h->first]);
	mon_printf(m, "  VRing:\n");
	mon_printf(m, "    num:         %u\n", q->size);
	print_area(m, "desc", q->desc_host, q->desc, 16ull * q->size);
	print_area(m, "avail", q->driver_host, q->driver, 6 + 2ull * q->size);
	print_area(m, "used", q->device_host, q->device, 6 + 8ull * q->size);
}
