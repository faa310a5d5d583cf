package api

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"

	"github.com/clewhq/clew/analyze"
)

// maxUploadTraces is the most traces of one upload.
const maxUploadTraces = 1000

// UploadAnswer is what was found in an upload, the latest trace first.
type UploadAnswer struct {
	Traces []ViewHead `json:"traces"`
	// Rejected is how many spans were left out, and Message why.
	Rejected int64  `json:"rejected"`
	Message  string `json:"message,omitempty"`
}

// upload answers POST /uploads: traces of a file become views. Nothing of them is stored.
func (n *native) upload(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	if _, err := nativeParams(r); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTransformBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return badRequest("the upload has more than %d bytes: send it to a receiver instead", tooLarge.Limit)
	}
	if err != nil {
		return badRequest("cannot read the body: %v", err)
	}
	done, err := n.views.read(r.Context())
	if err != nil {
		return err
	}
	defer done()
	u := newUploadReader()
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/x-protobuf" || kind == "application/protobuf" {
		if err := u.decode(body, otlpProtoDecoder); err != nil {
			return badRequest("cannot unmarshal OTLP: %v", err)
		}
	} else if err := u.readJSON(body); err != nil {
		return err
	}
	answer, err := n.keepUpload(tenant, u)
	if err != nil {
		return err
	}
	return writeJSON(w, answer)
}

func (n *native) keepUpload(tenant string, u *uploadReader) (*UploadAnswer, error) {
	if len(u.traces) == 0 {
		if u.rejected.Count > 0 {
			return nil, badRequest("none of %d spans can be shown: %s", u.rejected.Count, u.rejected.Message)
		}
		return nil, badRequest("there are no spans in it")
	}
	if len(u.traces) > maxUploadTraces {
		return nil, badRequest("there are %d traces in it, at most %d are possible: send it to a receiver instead", len(u.traces), maxUploadTraces)
	}
	answer := &UploadAnswer{Rejected: u.rejected.Count, Message: u.rejected.Message}
	var list []*view
	bytes := int64(0)
	for _, b := range u.traces {
		v := newView([]string{tenant}, uploadMark, analyze.NewTrace(b), nil)
		if u.rejected.Count > 0 {
			v.note = fmt.Sprintf("%d spans of the upload were left out: %s", u.rejected.Count, u.rejected.Message)
		}
		list = append(list, v)
		bytes += v.bytes
	}
	if bytes > n.views.budget {
		return nil, &largeError{fmt.Sprintf("the upload takes %d MiB of memory, and the traces that are looked at may take %d: raise memory.views, or send it to a receiver",
			bytes>>20, n.views.budget>>20)}
	}
	slices.SortFunc(list, func(a, b *view) int {
		return cmp.Or(cmp.Compare(b.trace.Start, a.trace.Start), slices.Compare(a.id[:], b.id[:]))
	})
	for _, v := range slices.Backward(list) { // the first is kept longest
		n.views.keep(v)
	}
	for _, v := range list {
		answer.Traces = append(answer.Traces, v.head())
	}
	return answer, nil
}
