# The monitor: recorded QEMU sessions replayed, the reference page, counts.
MON_TABLE := $(O)/tests/unit/test_mon_table
QMP_TABLE := $(O)/tests/unit/test_qmp
MANUAL    := $(O)/tests/unit/test_manual

CHECK_TESTS += tests/monitor/conform.t tests/monitor/qmp.t \
               tests/monitor/commands.t tests/monitor/hostile.t tests/monitor/disk.t \
               tests/monitor/dirty-ring.t
SLOW_TESTS  += tests/monitor/hostile-slow.t
.PHONY: docs-ref monitor-status monitor-conform monitor-conform-list

docs-ref: $(MON_TABLE) $(QMP_TABLE) $(MANUAL) ## write docs/ref from the tables
	@mkdir -p docs/ref
	$(Q)$(MON_TABLE) doc tests/monitor/conformance.tsv > docs/ref/monitor.md
	$(Q)$(QMP_TABLE) doc > docs/ref/qmp.md
	$(Q)$(MANUAL) doc > docs/ref/mote.1

monitor-status: $(MON_TABLE) ## how many monitor commands work
	$(Q)$(MON_TABLE) status

monitor-conform: all ## replay every recorded monitor session, report all
	$(Q)python3 tests/monitor/conform.py --mote $(O)/mote --all $(ARGS)

monitor-conform-list: all ## the same, as the list docs/ref/monitor.md shows
	$(Q)python3 tests/monitor/conform.py --mote $(O)/mote --all --table \
	    > $(O)/conformance.tsv
	$(Q)mv $(O)/conformance.tsv tests/monitor/conformance.tsv

docs-ref: docs-ref-seccomp
.PHONY: docs-ref-seccomp
docs-ref-seccomp: $(O)/seccomp/gen/gen
	$(Q)$< -d >docs/ref/seccomp.md
