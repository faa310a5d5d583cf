package sample

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clewhq/clew/span"
)

// Decision is what became of a trace when its time in the window was over.
type Decision struct {
	// Policy is the name of that which decided; "" if none matched.
	Policy string    `json:"policy"`
	At     time.Time `json:"at"`
	Kept   bool      `json:"kept"`
	// Threshold is what the trace's randomness was compared with; span.NeverSample if nothing could keep it.
	Threshold span.Threshold `json:"threshold"`
	// DryRun says that the trace was kept, whatever was decided.
	DryRun bool `json:"dryRun,omitempty"`
}

// KeepRate is the share of such traces that the decision keeps.
func (d Decision) KeepRate() float64 { return d.Threshold.Probability() }

// DecisionsConfig says how decisions are kept.
type DecisionsConfig struct {
	Dir string
	// Remember is how long a decision is known; 0 is for ever.
	Remember time.Duration
	// Recent is how long decisions are held in memory, for spans that come late, and MaxRecent how many at most.
	Recent    time.Duration
	MaxRecent int
}

// Decisions knows what was decided about traces, by tenant. It is safe for concurrent use.
type Decisions struct {
	cfg DecisionsConfig
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	tenants map[string][]*decisionRun // oldest first
}

// decisionRun is the decisions of one slice, or of several, merged.
type decisionRun struct {
	path        string
	at          time.Time
	first, last time.Time  // arrival of the slice
	groups      []Decision // their At is zero unless the run is merged: then it is at
	counts      []uint32   // traces of each group
	n           int        // traces
	// entries are the traces, each its key and then the number of its group in 16 bits, sorted; nil if they are only in the file.
	entries []uint64
	base    int64 // where entries begin in the file
}

const (
	groupBits = 64 - decisionKeyBits
	maxGroups = 1 << groupBits
)

func decisionEntry(key uint64, group int) uint64 { return key<<groupBits | uint64(group) }

// OpenDecisions reads what is known of the decisions in a folder. A damaged file is set aside.
func OpenDecisions(cfg DecisionsConfig, log *slog.Logger) (*Decisions, error) {
	d := &Decisions{cfg: cfg, log: log, now: time.Now, tenants: map[string][]*decisionRun{}}
	folders, err := os.ReadDir(cfg.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range folders {
		if tenant := f.Name(); f.IsDir() && span.CheckTenant(tenant) == nil {
			if err := d.open(tenant); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

func (d *Decisions) open(tenant string) error {
	dir := filepath.Join(d.cfg.Dir, tenant)
	files, err := os.ReadDir(dir) // sorted, so oldest first
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		if strings.HasSuffix(path, temporary) {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
		if !strings.HasSuffix(path, decisionsSuffix) {
			continue
		}
		run, err := readDecisionRun(path)
		if err != nil {
			d.setAside(path, err)
			continue
		}
		d.tenants[tenant] = append(d.tenants[tenant], run)
	}
	runs := d.tenants[tenant]
	for i := len(runs) - 1; i >= 0; i-- { // the newest as far as they fit
		if !d.isRecent(runs, i) {
			break
		}
		if runs[i].entries, err = readDecisionEntries(runs[i]); err != nil {
			d.setAside(runs[i].path, err)
			runs = slices.Delete(runs, i, i+1)
		}
	}
	d.tenants[tenant] = runs
	return nil
}

// isRecent reports whether a run's entries belong into memory.
func (d *Decisions) isRecent(runs []*decisionRun, at int) bool {
	if d.now().Sub(runs[at].at) > d.cfg.Recent {
		return false
	}
	n := 0
	for _, r := range runs[at:] {
		n += r.n
	}
	return n <= d.cfg.MaxRecent
}

func (d *Decisions) setAside(path string, why error) {
	d.log.Error("a file of sampling decisions is damaged and is set aside; what it says of traces is not known any more", "file", path, "err", why)
	if err := os.Rename(path, path+".damaged"); err != nil {
		d.log.Error("a damaged file of sampling decisions cannot be set aside", "file", path, "err", err)
	}
}

// record makes decisions durable. Of those about one trace the newest counts.
func (d *Decisions) record(tenant string, first, last time.Time, made []decided) error {
	if len(made) == 0 {
		return nil
	}
	for _, run := range makeRuns(made) {
		run.at, run.first, run.last = made[0].At, first, last
		dir := filepath.Join(d.cfg.Dir, tenant)
		if err := writeDecisionRun(dir, run); err != nil {
			return fmt.Errorf("cannot write sampling decisions: %w", err)
		}
		d.mu.Lock()
		d.tenants[tenant] = append(d.tenants[tenant], run)
		d.mu.Unlock()
	}
	d.expire(tenant)
	d.merge(tenant)
	return nil
}

// decided is a decision about the trace of a key.
type decided struct {
	key uint64
	Decision
}

// makeRuns groups decisions that are alike. There are several runs if there are more groups than one can have.
func makeRuns(made []decided) []*decisionRun {
	type alike struct {
		policy    string
		kept, dry bool
		threshold span.Threshold
	}
	groups := map[alike]int{}
	var runs []*decisionRun
	for _, m := range made {
		a := alike{m.Policy, m.Kept, m.DryRun, m.Threshold}
		g, ok := groups[a]
		if !ok {
			g = len(groups)
			groups[a] = g
			if g%maxGroups == 0 {
				runs = append(runs, &decisionRun{})
			}
			run := runs[len(runs)-1]
			group := m.Decision
			group.At = time.Time{} // that of the run
			run.groups, run.counts = append(run.groups, group), append(run.counts, 0)
		}
		run := runs[g/maxGroups]
		run.entries = append(run.entries, decisionEntry(m.key, g%maxGroups))
		run.counts[g%maxGroups]++
		run.n++
	}
	for _, run := range runs {
		slices.Sort(run.entries)
	}
	return runs
}

// expire removes files that are older than decisions are remembered, and frees memory.
func (d *Decisions) expire(tenant string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	runs := d.tenants[tenant]
	old := 0
	for old < len(runs) && d.cfg.Remember > 0 && d.now().Sub(runs[old].at) > d.cfg.Remember {
		if err := os.Remove(runs[old].path); err != nil {
			d.log.Error("an old file of sampling decisions cannot be removed", "file", runs[old].path, "err", err)
		}
		old++
	}
	runs = slices.Clone(runs[old:]) // readers may hold the old list
	n := 0
	for i := len(runs) - 1; i >= 0; i-- {
		n += runs[i].n
		if runs[i].entries != nil && (n > d.cfg.MaxRecent || d.now().Sub(runs[i].at) > d.cfg.Recent) {
			forgotten := *runs[i]
			forgotten.entries = nil
			runs[i] = &forgotten
		}
	}
	d.tenants[tenant] = runs
}

func (d *Decisions) runs(tenant string) []*decisionRun {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tenants[tenant][:len(d.tenants[tenant]):len(d.tenants[tenant])]
}

// Of returns what was decided about a trace. Of 2^48 traces one may be taken for another.
func (d *Decisions) Of(tenant string, id span.TraceID) (Decision, bool) {
	for {
		decision, ok, gone := d.search(tenant, decisionKey(id))
		if ok || !gone {
			return decision, ok
		}
	}
}

// search looks through the runs that there are. gone says that one of them is not there any more, as it is merged or has expired:
// the list has changed.
func (d *Decisions) search(tenant string, key uint64) (decision Decision, ok, gone bool) {
	runs := d.runs(tenant)
	for i := len(runs) - 1; i >= 0; i-- {
		group, ok, err := runs[i].find(key)
		switch {
		case ok:
			return runs[i].decision(group), true, false
		case errors.Is(err, fs.ErrNotExist) && !slices.Contains(d.runs(tenant), runs[i]):
			gone = true
		case err != nil:
			d.log.Error("cannot read sampling decisions", "file", runs[i].path, "err", err)
		}
	}
	return Decision{}, false, gone
}

// recent is Of for decisions that are in memory.
func (d *Decisions) recent(tenant string, id span.TraceID) (Decision, bool) {
	runs := d.runs(tenant)
	key := decisionKey(id)
	for i := len(runs) - 1; i >= 0 && runs[i].entries != nil; i-- {
		if group, ok, _ := runs[i].find(key); ok {
			return runs[i].decision(group), true
		}
	}
	return Decision{}, false
}

func (r *decisionRun) decision(group int) Decision {
	d := r.groups[group]
	if d.At.IsZero() {
		d.At = r.at
	}
	return d
}

// find returns the group of a trace.
func (r *decisionRun) find(key uint64) (group int, ok bool, err error) {
	if r.entries == nil {
		return r.findInFile(key)
	}
	at, _ := slices.BinarySearch(r.entries, decisionEntry(key, 0))
	if at == len(r.entries) || r.entries[at]>>groupBits != key {
		return 0, false, nil
	}
	return int(r.entries[at] % maxGroups), true, nil
}

// earlier returns what was decided before about the traces of a slice, which are in the order of their keys, as far as it is in memory.
func (d *Decisions) earlier(tenant string, traces []judgedTrace) []*Decision {
	found := make([]*Decision, len(traces))
	for _, r := range d.runs(tenant) { // the newest last, so that it counts
		if r.entries == nil {
			continue
		}
		decisions := make([]*Decision, len(r.groups)) // one for all traces of a group
		at := 0
		for i := range traces {
			for at < len(r.entries) && r.entries[at]>>groupBits < traces[i].key {
				at++
			}
			if at == len(r.entries) {
				break
			}
			if r.entries[at]>>groupBits != traces[i].key {
				continue
			}
			group := r.entries[at] % maxGroups
			if decisions[group] == nil {
				made := r.decision(int(group))
				decisions[group] = &made
			}
			found[i] = decisions[group]
		}
	}
	return found
}

// lastArrival is until when what arrived is decided, zero if that is not known.
func (d *Decisions) lastArrival(tenant string) (last time.Time) {
	for _, r := range d.runs(tenant) {
		last = later(last, r.last)
	}
	return last
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// PolicyCount says how many traces a policy decided about.
type PolicyCount struct {
	Policy  string `json:"policy"` // "" if none matched
	Kept    uint64 `json:"kept"`
	Dropped uint64 `json:"dropped"`
}

// counts returns what was decided since a time, by policy, sorted by name.
func (d *Decisions) counts(since time.Time) []PolicyCount {
	byPolicy := map[string]*PolicyCount{}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, runs := range d.tenants {
		for _, r := range runs {
			for i := range r.groups {
				g := r.decision(i)
				if g.At.Before(since) {
					continue
				}
				c := byPolicy[g.Policy]
				if c == nil {
					c = &PolicyCount{Policy: g.Policy}
					byPolicy[g.Policy] = c
				}
				if g.Kept {
					c.Kept += uint64(r.counts[i])
				} else {
					c.Dropped += uint64(r.counts[i])
				}
			}
		}
	}
	list := []PolicyCount{}
	for _, c := range byPolicy {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b PolicyCount) int { return cmp.Compare(a.Policy, b.Policy) })
	return list
}

// roughly returns where in n sorted pages a key is, if keys are spread evenly.
func roughly(key uint64, n int) int {
	return min(n-1, int(float64(key)/math.Exp2(decisionKeyBits)*float64(n)))
}
