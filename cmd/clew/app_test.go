package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/store/storetest"
)

// builtFiles stands for what "make ui" makes.
var builtFiles = fstest.MapFS{
	"index.html":       {Data: []byte("<head>" + builtBase + builtMeta + "</head>")},
	"icon.svg":         {Data: []byte("<svg/>")},
	"assets/a-1.js":    {Data: []byte("plain")},
	"assets/a-1.js.gz": {Data: []byte("gzipped")},
	"assets/a-1.js.br": {Data: []byte("brotli")},
	"assets/b-1.css":   {Data: []byte("sheet")},
}

func servePages(t *testing.T, prefix string, ancestors ...string) http.Handler {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	page := frontPage{prefix, `v<1>"`, map[string]net.Listener{"otlp-http": l}}
	pages, err := newApp(builtFiles, page, ancestors)
	if err != nil {
		t.Fatal(err)
	}
	return newFront(api.Config{Prefix: prefix}, new(storetest.Model), prometheus.NewRegistry(), page, pages)
}

func fetch(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPagesAreServedOnAnyPath(t *testing.T) {
	for _, prefix := range []string{"", "/clew"} {
		h := servePages(t, prefix)
		for _, path := range []string{"/", "/trace/5b8efff798038103d269b633813fc60c", "/services"} {
			w := fetch(h, prefix+path)
			body := w.Body.String()
			if w.Code != http.StatusOK || !strings.Contains(body, `<base href="`+prefix+`/" />`) {
				t.Errorf("%s: %d %s", prefix+path, w.Code, body)
			}
			if want := `&#34;version&#34;:&#34;v\u003c1\u003e\&#34;&#34;,&#34;otlpHttp&#34;:&#34;127.0.0.1:`; !strings.Contains(body, want) {
				t.Errorf("%s is missing in %s", want, body)
			}
			csp := w.Header().Get("Content-Security-Policy")
			if !strings.Contains(csp, "default-src 'none'; script-src 'self';") || !strings.HasSuffix(csp, "frame-ancestors 'none'") {
				t.Errorf("Content-Security-Policy: %s", csp)
			}
		}
		if w := fetch(h, prefix+"/api/clew/v1/nothing"); w.Code != http.StatusNotFound {
			t.Errorf("an unknown path of the API: %d", w.Code)
		}
	}
}

func TestAssets(t *testing.T) {
	h := servePages(t, "/clew")
	for accept, want := range map[string]string{
		"":                     "plain",
		"gzip, deflate, br":    "brotli",
		"gzip":                 "gzipped",
		"br;q=0, gzip;q=0.5":   "gzipped",
		"br;q=0.0, gzip; q=0 ": "plain",
	} {
		w := fetch(h, "/clew/assets/a-1.js", "Accept-Encoding", accept)
		if w.Body.String() != want || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%q: %s %v", accept, w.Body, w.Header())
		}
		if kind := w.Header().Get("Content-Type"); kind != "text/javascript; charset=utf-8" {
			t.Errorf("Content-Type: %s", kind)
		}
	}
	if w := fetch(h, "/clew/assets/b-1.css", "Accept-Encoding", "gzip, br"); w.Body.String() != "sheet" || w.Header().Get("Content-Encoding") != "" {
		t.Errorf("without an encoded one: %s %v", w.Body, w.Header())
	}
	if w := fetch(h, "/clew/assets/none.js"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown asset: %d", w.Code)
	}
	if w := fetch(h, "/clew/icon.svg"); w.Body.String() != "<svg/>" || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("icon: %s %v", w.Body, w.Header())
	}
}

func TestFrameAncestors(t *testing.T) {
	h := servePages(t, "", "https://wiki.example", "https://shop.example")
	want := "frame-ancestors https://wiki.example https://shop.example"
	if csp := fetch(h, "/").Header().Get("Content-Security-Policy"); !strings.HasSuffix(csp, want) {
		t.Errorf("Content-Security-Policy: %s", csp)
	}
	if _, err := newApp(builtFiles, frontPage{}, []string{"a; script-src *"}); err == nil {
		t.Error("a directive was taken for an origin")
	}
}

func TestPagesOfAnotherIndexAreRefused(t *testing.T) {
	if _, err := newApp(fstest.MapFS{"index.html": {Data: []byte("<html>")}}, frontPage{}, nil); err == nil {
		t.Error("no error, though there is no place for the base")
	}
}
