package api

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/clewhq/clew/span"
)

func viewOf(tenant string, id byte, bytes int64) *view {
	return &view{viewKey: viewKey{tenants: tenant, id: span.TraceID{15: id}}, bytes: bytes}
}

// TestViewsMakeRoom: those that were asked for last stay, within the budget.
func TestViewsMakeRoom(t *testing.T) {
	s := newViews(10)
	a, b, c := viewOf("a", 1, 4), viewOf("a", 2, 4), viewOf("a", 3, 4)
	for _, v := range []*view{a, b} {
		if !s.keep(v) {
			t.Fatal("there is room")
		}
	}
	if s.keep(viewOf("a", 9, 11)) || s.get(a.viewKey) != a {
		t.Error("what is larger than all the room is kept, or others went for it")
	}
	s.keep(a) // again
	s.keep(c)
	if s.get(a.viewKey) != a || s.get(b.viewKey) != nil || s.get(c.viewKey) != c || s.bytes != 8 {
		t.Errorf("%d bytes are kept", s.bytes)
	}
	if s.get(viewOf("b", 1, 0).viewKey) != nil {
		t.Error("one tenant gets the view of another")
	}
}

// TestViewsEnd: what nobody asks about goes, and what somebody does stays.
func TestViewsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newViews(10)
		idle, asked := viewOf("a", 1, 4), viewOf("a", 2, 4)
		s.keep(idle)
		s.keep(asked)
		time.Sleep(viewIdle / 2)
		s.get(asked.viewKey)
		time.Sleep(viewIdle/2 + time.Second)
		synctest.Wait()
		if s.order.Len() != 1 || s.get(idle.viewKey) != nil || s.get(asked.viewKey) != asked {
			t.Errorf("%d views are kept", s.order.Len())
		}
		time.Sleep(2 * viewIdle)
		synctest.Wait()
		if s.order.Len() != 0 || s.bytes != 0 || s.sweep != nil {
			t.Errorf("%d views are kept, of %d bytes", s.order.Len(), s.bytes)
		}
	})
}
