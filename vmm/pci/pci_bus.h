/* SPDX-License-Identifier: MIT */
/*
 * Private to vmm/pci: the root bus and the parts of a function that its
 * files share.
 */
#ifndef MOTE_PCI_BUS_H
#define MOTE_PCI_BUS_H

#include <stdatomic.h>

#include "vmm/pci/pci.h"

struct pci_hotplug;

struct pci_bus {
	struct device *host;           /* its lock guards configuration     */
	struct pci_dev *devs[256];     /* by devfn                          */
	struct lock irq_lock;          /* INTx levels; a leaf               */
	u16 pin_users[PCI_GSIS];       /* functions that hold the wire high */
	struct pci_hotplug *hotplug;   /* NULL: nobody tells the guest      */
	_Atomic u32 ejected;           /* slots the guest let go of: gone to
					  it, and soon from devs            */
};

/* --- pci.c: host lock held --- */
u32  pci_dev_config_read(struct pci_dev *p, unsigned off, unsigned size);
void pci_dev_config_write(struct pci_dev *p, unsigned off, u32 val,
			  unsigned size);

/* --- pci_bus.c --- */
int  pci_bus_attach(struct pci_bus *b, struct pci_dev *p, struct err *e);
void pci_bus_detach(struct pci_dev *p);
/* COMMAND, or the wire a function drives, changed: bring wires up to date. */
void pci_irq_update(struct pci_dev *p);

/* --- pci_bar.c: host lock held --- */
int  pci_bars_init(struct pci_dev *p, struct err *e);
/* Map and unmap so that the buses show what configuration space says. */
void pci_bars_update(struct pci_dev *p);
void pci_bars_unmap(struct pci_dev *p);

/* --- pci_msix.c --- */
void pci_msix_fini(struct pci_dev *p);
void pci_msix_reset(struct pci_dev *p);
void pci_msix_control_written(struct pci_dev *p, u16 old);
/* The table and PBA of BAR `bar` at `base`, as regions over it. */
void pci_msix_map(struct pci_dev *p, unsigned bar, u64 base, bool map);

#endif
