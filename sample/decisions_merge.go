package sample

import (
	"os"
	"path/filepath"
	"slices"
)

// Files of decisions that are not in memory are merged, so that to look for a trace that was never seen does not open thousands:
// as many at once, or fewer, but not below the least, if they have more groups together than one file can.
const (
	mergedRuns      = 64
	leastMergedRuns = 8
)

// isMerged reports whether the run has decisions of several times.
func (r *decisionRun) isMerged() bool { return len(r.groups) > 0 && !r.groups[0].At.IsZero() }

// merge merges files of a tenant, if there are enough. If the process ends before the old ones are removed, decisions are there
// twice and count as such until they expire; what is said of a trace is the same.
func (d *Decisions) merge(tenant string) {
	old := mergeable(d.runs(tenant))
	if len(old) == 0 {
		return
	}
	merged, damaged, err := mergeRuns(old)
	if damaged != nil { // the others are merged the next time
		d.setAside(damaged.path, err)
		d.replace(tenant, []*decisionRun{damaged})
		return
	}
	if err := writeDecisionRun(filepath.Join(d.cfg.Dir, tenant), merged); err != nil {
		d.log.Error("files of sampling decisions cannot be merged and stay as they are", "first", old[0].path, "err", err)
		return
	}
	merged.entries = nil
	d.replace(tenant, old, merged)
	for _, r := range old {
		if err := os.Remove(r.path); err != nil {
			d.log.Error("a merged file of sampling decisions cannot be removed", "file", r.path, "err", err)
		}
	}
}

// replace puts runs into the place of others.
func (d *Decisions) replace(tenant string, old []*decisionRun, by ...*decisionRun) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var runs []*decisionRun // readers may hold the old list
	for _, r := range d.tenants[tenant] {
		switch {
		case r == old[len(old)-1]:
			runs = append(runs, by...)
		case !slices.Contains(old, r):
			runs = append(runs, r)
		}
	}
	d.tenants[tenant] = runs
}

// mergeable returns the oldest runs, one behind the other, that can be merged; nil if they are too few.
func mergeable(runs []*decisionRun) []*decisionRun {
	first, groups := 0, 0
	for i, r := range runs {
		if r.entries != nil {
			return nil
		}
		full := groups+len(r.groups) > maxGroups
		if full && i-first >= leastMergedRuns {
			return runs[first:i]
		}
		if full || r.isMerged() {
			first, groups = i, 0
		}
		if r.isMerged() {
			first = i + 1
			continue
		}
		groups += len(r.groups)
		if i+1-first == mergedRuns {
			return runs[first : i+1]
		}
	}
	return nil
}

// mergeRuns makes one run of several, the oldest first. Of decisions about one trace the newest stays. If one cannot be read
// it is returned with the error.
func mergeRuns(runs []*decisionRun) (merged, damaged *decisionRun, err error) {
	newest := runs[len(runs)-1]
	merged = &decisionRun{at: newest.at, first: runs[0].first, last: newest.last}
	for _, r := range runs {
		entries, err := readDecisionEntries(r)
		if err != nil {
			return nil, r, err
		}
		merged.last = later(merged.last, r.last)
		base := uint64(len(merged.groups))
		for i := range r.groups {
			merged.groups = append(merged.groups, r.decision(i))
		}
		for _, e := range entries {
			merged.entries = append(merged.entries, e+base) // the groups come to maxGroups at most, so the key stays
		}
	}
	slices.Sort(merged.entries) // of one key the newest last, as its group is the greatest
	merged.counts = make([]uint32, len(merged.groups))
	kept := merged.entries[:0]
	for i, e := range merged.entries {
		if i+1 == len(merged.entries) || merged.entries[i+1]>>groupBits != e>>groupBits {
			kept = append(kept, e)
			merged.counts[e%maxGroups]++
		}
	}
	merged.entries, merged.n = kept, len(kept)
	return merged, nil, nil
}
