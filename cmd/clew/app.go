package main

import (
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// app serves the web pages below a path prefix. The browser loads index.html on
// any path of a page, and what the pages are made of from assets/, whose names
// contain a hash of their content.
type app struct {
	files  fs.FS
	front  frontPage
	index  string // index.html as it was built
	policy string // the Content-Security-Policy
}

// What the server fills in, as it stands in ui/index.html.
const (
	builtBase = `<base href="/" />`
	builtMeta = `<meta name="clew" content="{}" />`
)

// newApp returns nil if the pages were not built. ancestors are the origins that
// may show them in a frame.
func newApp(files fs.FS, front frontPage, ancestors []string) (*app, error) {
	if files == nil {
		return nil, nil
	}
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		return nil, err
	}
	for _, part := range []string{builtBase, builtMeta} {
		if !strings.Contains(string(index), part) {
			return nil, fmt.Errorf("the web pages were built from another index.html: %s is missing", part)
		}
	}
	policy, err := contentPolicy(ancestors)
	return &app{files, front, string(index), policy}, err
}

// contentPolicy lets a page load from this server alone, and nothing inline.
func contentPolicy(ancestors []string) (string, error) {
	frames := "'none'"
	if len(ancestors) > 0 {
		frames = strings.Join(ancestors, " ")
	}
	if strings.ContainsAny(frames, ";,\r\n") {
		return "", fmt.Errorf("http.frame-ancestors: %q is no list of origins", frames)
	}
	return "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"font-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors " + frames, nil
}

// servePage answers with index.html, which tells the pages where they are and
// where else this process listens.
func (a *app) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "pages are read with GET", http.StatusMethodNotAllowed)
		return
	}
	about, err := json.Marshal(a.front.about(r))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	page := strings.NewReplacer(
		builtBase, `<base href="`+html.EscapeString(a.front.prefix)+`/" />`,
		builtMeta, `<meta name="clew" content="`+html.EscapeString(string(about))+`" />`,
	).Replace(a.index)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", a.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	_, _ = w.Write([]byte(page)) // or the client is gone
}

// serveAsset answers with a file in the best encoding that the client accepts.
func (a *app) serveAsset(w http.ResponseWriter, r *http.Request) {
	name := "assets/" + r.PathValue("name")
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	for _, e := range []struct{ coding, suffix string }{{"br", ".br"}, {"gzip", ".gz"}, {"", ""}} {
		if e.coding != "" && !acceptsEncoding(r, e.coding) {
			continue
		}
		body, err := fs.ReadFile(a.files, name+e.suffix)
		if err != nil {
			continue
		}
		if e.coding != "" {
			h.Set("Content-Encoding", e.coding)
		}
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		a.writeFile(w, name, body)
		return
	}
	http.NotFound(w, r)
}

func (a *app) serveIcon(w http.ResponseWriter, r *http.Request) {
	body, err := fs.ReadFile(a.files, "icon.svg")
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "max-age=86400")
	a.writeFile(w, "icon.svg", body)
}

func (a *app) writeFile(w http.ResponseWriter, name string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Security-Policy", a.policy) // which a worker takes from its own script
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) // or the client is gone
}

// acceptsEncoding reports whether a coding is listed, and not with q=0.
func acceptsEncoding(r *http.Request, coding string) bool {
	for _, line := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(part, ";")
			if strings.TrimSpace(name) != coding {
				continue
			}
			_, q, _ := strings.Cut(weight, "=")
			value, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
			return err != nil || value > 0
		}
	}
	return false
}
