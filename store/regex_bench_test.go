package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkRegex tells the time for one string.
func BenchmarkRegex(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	uuids, urls := make([][]byte, 1024), make([][]byte, 1024)
	hosts := []string{"shop.example.com", "api.example.com:8080", "café.example"}
	paths := []string{"/api/v1/cart", "/api/v2/products/%d", "/static/images/%d.png", "/checkout?order=%d&currency=USD"}
	for i := range uuids {
		uuids[i] = fmt.Appendf(nil, "%08x-%04x-4%03x-a%03x-%012x", rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<12), rng.IntN(1<<12), rng.Uint64N(1<<48))
		urls[i] = fmt.Appendf(nil, "https://"+hosts[rng.IntN(len(hosts))]+paths[rng.IntN(len(paths))], rng.IntN(100_000))
	}
	for _, c := range []struct {
		on      string
		strings [][]byte
		exprs   []string
	}{
		{"uuid", uuids, []string{".*[g-z].*", ".*", "a.*", ".*6d6e.*", "[0-9a-f-]{36}", ".*[0-9]{5}-.*", ".*(00|11|22).*ff", "(?i).*DEAD.*", ".*[ab].{9}"}},
		{"url", urls, []string{"https://.*/products/.*", ".*/(cart|checkout).*", `https?://[^/]+/api/v\d/.*`, `.*\.(png|jpg|gif)`, ".*currency=EUR.*", "(?i).*CHECKOUT.*", `.*\p{Greek}.*`}},
	} {
		for _, expr := range c.exprs {
			b.Run(c.on+"/"+expr, func(b *testing.B) {
				r, err := NewRegex(expr)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					r.Match(c.strings[i%len(c.strings)])
				}
			})
		}
	}
}
