package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clewhq/clew/analyze"
)

// tolerated is how far clocks may differ: less hardly shows.
const tolerated = 100 * time.Millisecond

// suspect is a service whose clock differs from those of others.
type suspect struct {
	offset time.Duration // against the one with most calls
	calls  uint64        // with that one
	with   map[string]bool
	fits   int  // how many others it agrees with
	called bool // by one that it differs from
	lines  []string
	traces []string
	hosts  []string
}

// suspects are services by name.
type suspects map[string]*suspect

func (all suspects) of(name string) *suspect {
	if all[name] == nil {
		all[name] = &suspect{with: map[string]bool{}}
	}
	return all[name]
}

// add takes calls into account, which tell whether the clocks of two services fit.
func (all suspects) add(c *analyze.SurveyedCalls) {
	caller, callee := all.of(c.Caller), all.of(c.Callee)
	off := time.Duration(-c.Offset) // of the callee
	if off.Abs() < tolerated || 2*c.Skewed < c.Calls {
		caller.fits++
		callee.fits++
		return
	}
	callee.called = true
	if c.CalleeHost != "" && !slices.Contains(callee.hosts, c.CalleeHost) {
		callee.hosts = append(callee.hosts, c.CalleeHost)
	}
	line := fmt.Sprintf("%s is %s against its caller %s, in %d of %s", nameOf(c.Callee), signed(off), nameOf(c.Caller), c.Skewed, count(c.Calls, "call"))
	callee.differs(c, c.Caller, off, line)
	caller.differs(c, c.Callee, -off, line)
}

func (s *suspect) differs(c *analyze.SurveyedCalls, other string, off time.Duration, line string) {
	s.with[other] = true
	s.lines, s.traces = append(s.lines, line), append(s.traces, c.SkewTrace.String())
	if c.Skewed > s.calls {
		s.calls, s.offset = c.Skewed, off
	}
}

// notCalled puts callees first.
func (s *suspect) notCalled() int {
	if s.called {
		return 0
	}
	return 1
}

// likeliest returns the names, those first that differ from most others and agree with fewest; of two alike, the callee.
func (all suspects) likeliest() []string {
	return slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		x, y := all[a], all[b]
		return cmp.Or(cmp.Compare(x.fits, y.fits), cmp.Compare(len(y.with), len(x.with)), cmp.Compare(x.notCalled(), y.notCalled()), cmp.Compare(a, b))
	})
}

// clocks tells whose clock is off, as calls between services show.
func clocks(found *analyze.Survey) (list []Finding) {
	all, compared := suspects{}, uint64(0)
	for i := range found.Calls {
		compared += found.Calls[i].Calls
		all.add(&found.Calls[i])
	}
	blamed := map[string]bool{}
	for _, name := range all.likeliest() {
		s := all[name]
		maps.DeleteFunc(s.with, func(other string, _ bool) bool { return blamed[other] })
		if len(s.with) == 0 {
			continue // nothing is left that the clocks of others do not explain
		}
		blamed[name] = true
		where := nameOf(name)
		if len(s.hosts) > 0 {
			where += " on " + strings.Join(s.hosts, ", ")
		}
		list = append(list, Finding{
			ID: "clock-skew", Check: CheckClock, Result: Problem, Services: []string{name}, Traces: examples(s.traces), Evidence: listed(s.lines),
			Title: fmt.Sprintf("The clock of %s is off by %s", where, signed(s.offset)),
			Cause: "Its spans lie outside of the calls that they answer. If only two services are compared, the other one's clock may be to blame: " + strings.Join(slices.Sorted(maps.Keys(s.with)), ", ") + ".",
			Fix:   "synchronise the time of its host (`timedatectl status`, `chronyc tracking`); a virtual machine that was paused needs its clock set",
		})
	}
	if len(list) == 0 && compared > 0 {
		list = append(list, Finding{ID: "clock-services", Check: CheckClock, Result: OK, Title: "The clocks of services agree, as far as their calls tell", Evidence: []string{count(compared, "call") + " between services compared"}})
	}
	return list
}
