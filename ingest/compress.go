package ingest

import (
	"bufio"
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // so that it registers before init replaces it
)

// decompressor decompresses one stream at a time. None takes more memory than
// its window, whatever the stream claims; how much it yields is for the reader to bound.
type decompressor interface {
	io.Reader
	Reset(io.Reader) error
}

// decompressors keeps decompressors of one kind for reuse.
type decompressors struct{ pool sync.Pool }

var (
	gzips    = decompressors{sync.Pool{New: func() any { return new(gzip.Reader) }}}
	zstds    = decompressors{sync.Pool{New: func() any { return newZstdReader() }}}
	deflates = decompressors{sync.Pool{New: func() any { return newDeflateReader() }}}
	snappies = decompressors{sync.Pool{New: func() any { return snappyReader{s2.NewReader(nil)} }}}
)

// open returns a reader of what src holds. Close returns the decompressor to the pool.
func (d *decompressors) open(src io.Reader) (io.ReadCloser, error) {
	r := d.pool.Get().(decompressor)
	if err := r.Reset(src); err != nil {
		d.pool.Put(r)
		return nil, err
	}
	return &decompressing{r, d}, nil
}

type decompressing struct {
	decompressor
	from *decompressors
}

func (d *decompressing) Close() error {
	d.Reset(bytes.NewReader(nil)) // lets go of the source; that nothing is there is no error
	d.from.pool.Put(d.decompressor)
	return nil
}

// newZstdReader returns a decoder without goroutines, so that it can be left to the garbage collector.
func newZstdReader() *zstd.Decoder {
	const window = 8 << 20 // what RFC 8878 wants every decoder to support
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window), zstd.WithDecodeBuffersBelow(0))
	if err != nil {
		panic("BUG: " + err.Error()) // the options are constant
	}
	return r
}

// deflateReader reads what HTTP calls deflate: zlib by the standard, and the
// bare deflate that some clients send.
type deflateReader struct {
	io.Reader // one of these two
	bare      io.ReadCloser
	zlib      io.ReadCloser
	src       *bufio.Reader
}

func newDeflateReader() *deflateReader {
	return &deflateReader{src: bufio.NewReader(nil), bare: flate.NewReader(nil)}
}

func (d *deflateReader) Reset(src io.Reader) (err error) {
	d.src.Reset(src)
	head, _ := d.src.Peek(2)
	if len(head) < 2 || head[0]&0x0f != 8 || (uint(head[0])<<8|uint(head[1]))%31 != 0 {
		d.Reader = d.bare
		return d.bare.(flate.Resetter).Reset(d.src, nil)
	}
	if d.zlib == nil {
		d.zlib, err = zlib.NewReader(d.src)
	} else {
		err = d.zlib.(zlib.Resetter).Reset(d.src, nil)
	}
	d.Reader = d.zlib
	return err
}

// snappyReader reads framed snappy.
type snappyReader struct{ *s2.Reader }

func (s snappyReader) Reset(src io.Reader) error {
	s.Reader.Reset(src)
	return nil
}

// isFramed reports whether what begins with head is framed snappy and not one bare block.
func isFramed(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xff\x06\x00\x00sNaPpY")) || bytes.HasPrefix(head, []byte("\xff\x06\x00\x00S2sTwO"))
}

// init makes the compressions known to grpc, which allows it at no other time.
// This gzip, which takes half the time, replaces grpc's own in the whole process.
func init() {
	newGzip := func() any { return gzip.NewWriter(nil) }
	newZstd := func() any {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic("BUG: " + err.Error()) // the options are constant
		}
		return w
	}
	newSnappy := func() any { return s2.NewWriter(nil, s2.WriterSnappyCompat(), s2.WriterConcurrency(1)) }

	encoding.RegisterCompressor(compressor{"gzip", &gzips, &sync.Pool{New: newGzip}})
	encoding.RegisterCompressor(compressor{"zstd", &zstds, &sync.Pool{New: newZstd}})
	encoding.RegisterCompressor(compressor{"snappy", &snappies, &sync.Pool{New: newSnappy}})
}

// compressor is an encoding.Compressor.
type compressor struct {
	name    string
	readers *decompressors
	writers *sync.Pool // of resetWriter
}

func (c compressor) Name() string { return c.name }

func (c compressor) Decompress(src io.Reader) (io.Reader, error) { return c.readers.open(src) }

func (c compressor) Compress(dst io.Writer) (io.WriteCloser, error) {
	w := c.writers.Get().(resetWriter)
	w.Reset(dst)
	return &compressing{w, c.writers}, nil
}

type resetWriter interface {
	io.WriteCloser
	Reset(io.Writer)
}

type compressing struct {
	resetWriter
	from *sync.Pool
}

func (c *compressing) Close() error {
	err := c.resetWriter.Close()
	c.from.Put(c.resetWriter)
	return err
}
