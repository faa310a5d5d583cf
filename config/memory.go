package config

import (
	"github.com/KimMachineGun/automemlimit/memlimit"
)

const mib = 1 << 20

// Bounds of a memory.limit that is left to "auto".
const (
	minAutoLimit = 128 * mib
	maxAutoLimit = 1024 * mib
)

// availableMemory returns the bytes that the process may use: the lower of the
// cgroup's limit and the machine's memory, or 0 if neither is known.
func availableMemory() int64 {
	machine, _ := memlimit.FromSystem() // 0 on failure
	group, err := memlimit.FromCgroup()
	if err != nil || group == 0 || (machine != 0 && machine < group) {
		return int64(machine)
	}
	return int64(group)
}

// deriveMemory fills the budgets that are zero. The parts leave room within the
// limit for what is in no budget: garbage that waits for its collector, stacks,
// buffers of connections.
func (c *Config) deriveMemory(available int64) {
	m := &c.Memory
	if m.Limit == 0 {
		m.Limit = min(max(available/4, minAutoLimit), maxAutoLimit) / mib * mib
		c.origin["memory.limit"] = "derived from " + FormatSize(available/mib*mib) + " of memory"
	}
	for _, part := range []struct {
		name   string
		budget *int64
		share  int64
	}{{"head", &m.Head, 24}, {"cache", &m.Cache, 16}, {"query", &m.Query, 2}, {"views", &m.Views, 8}, {"in-flight", &m.InFlight, 16}} {
		if *part.budget == 0 {
			*part.budget = m.Limit / part.share / mib * mib
			c.origin["memory."+part.name] = "derived from memory.limit"
		}
	}
}
